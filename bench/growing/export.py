"""ExportCodes of every code through the gateway, compared with COPY directly to a socket."""

import http.client
import os
import select
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil
import psycopg

from bench.measurement import Result, at_least, at_most, interleave, median
from deploy.local.stack import LocalStack

CHUNK_BYTES = 1 << 18
LOOK_SECONDS = 0.05
# The columns of the file, in its order.
COPY = b"""COPY (SELECT id, activation_code, user_email, activation_status, valid_days, create_time, update_time,
    activation_time, expiry_date FROM activation_codes ORDER BY create_time DESC, id DESC) TO STDOUT (FORMAT csv)"""
# PostgreSQL's last message: ready for the next query, in no transaction.
READY = b"Z\x00\x00\x00\x05I"


@dataclass(frozen=True)
class Transfer:
    """One export: rows a second, seconds to the first byte, and the maximum growth of the service's memory."""

    rows_per_second: float
    first_byte_seconds: float
    growth_bytes: int


def measure_export(stack: LocalStack, token: str) -> list[Result]:
    """Measures both with all processes on all cores."""
    url = stack.database_url("activation")
    with psycopg.connect(url, autocommit=True) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM activation_codes").fetchone() or (0,)
    process = psutil.Process(stack.process("activation").pid)
    idle_bytes = process.memory_info().rss
    runs = interleave(
        {
            "export": lambda: _export(stack.gateway_url, token, rows, process, idle_bytes),
            "copy": lambda: _copy(url, rows),
        }
    )
    export, copy = runs["export"], runs["copy"]
    first = median([run.first_byte_seconds for run in export])
    growth = max(run.growth_bytes for run in export) / 2**20
    rates = [median([run.rows_per_second for run in each]) for each in (export, copy)]
    return [
        Result(7, f"ExportCodes of {rows:,} by REST", rates[0], rates[1], "rows/s", at_least(0.5)),
        Result(7, "ExportCodes, first byte", first, None, "s", at_most(0.3)),
        Result(7, "ExportCodes, growth of Activation", growth, None, "MiB", at_most(32)),
    ]


def _export(gateway_url: str, token: str, rows: int, process: psutil.Process, idle_bytes: int) -> Transfer:
    url = urlsplit(gateway_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
    largest, ended = [idle_bytes], threading.Event()
    watcher = threading.Thread(target=_watch, args=(process, largest, ended))
    watcher.start()
    try:
        start = time.perf_counter()
        connection.request("GET", "/activation/export", headers={"authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        chunk = answer.read1(CHUNK_BYTES)
        first = time.perf_counter() - start
        lines = 0
        while chunk:
            lines += chunk.count(b"\n")
            chunk = answer.read1(CHUNK_BYTES)
        took = time.perf_counter() - start
    finally:
        ended.set()
        watcher.join()
        connection.close()
    if lines != rows + 1:
        raise RuntimeError(f"the export has {lines} lines for {rows} codes and a heading")
    return Transfer(rows / took, first, max(largest) - idle_bytes)


def _watch(process: psutil.Process, largest: list[int], ended: threading.Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        largest.append(process.memory_info().rss)


def _copy(url: str, rows: int) -> Transfer:
    with psycopg.connect(url, autocommit=True) as connection:
        server = connection.pgconn
        start = time.perf_counter()
        server.send_query(COPY)
        while server.flush():
            pass
        # Not with libpq, whose handling of single rows would cost more than the rest.
        end = b""
        while end != READY:
            select.select([server.socket], [], [])
            end = (end + os.read(server.socket, CHUNK_BYTES))[-len(READY) :]
        took = time.perf_counter() - start
        # libpq has not seen the end of the COPY, so the connection cannot be reused.
        server.finish()
    return Transfer(rows / took, 0.0, 0)
