"""GenerateCodes of 10,000 codes, compared with a COPY of the same rows."""

import contextlib
import datetime
import secrets
import time
import uuid

import psycopg

from bench.bench import Bench
from bench.load.frames import grpc_call
from bench.measurement import Result, at_most, interleave, median
from bench.rpcs import GENERATE_CODES, connecting
from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.codes.iso_time import iso_text

NUMBERS = (6,)
CODES = 10_000
VALID_DAYS = 30
COPY = """
COPY activation_codes (id, activation_code, activation_status, valid_days, create_time, update_time) FROM STDIN
"""


def measure(bench: Bench) -> list[Result]:
    """Measures one call by direct gRPC, until the whole answer is read, and the COPY with its commit."""
    bench.place(bench.stack)
    wanted = pb.GenerateCodesRequest(valid_days=VALID_DAYS, count=CODES).SerializeToString()
    call = grpc_call(GENERATE_CODES, wanted, bench.accounts.admin().token)
    connect = connecting(bench, bench.service("activation"), "activation")

    def generate() -> float:
        with contextlib.closing(connect()) as connection:
            return connection.call(call)

    with psycopg.connect(bench.stack.database_url("activation")) as database:
        runs = interleave({"measured": generate, "ceiling": lambda: _copy(database)})
    measured, ceiling = (1e3 * median(runs[name]) for name in ("measured", "ceiling"))
    return [Result(6, "GenerateCodes of 10,000", measured, ceiling, "ms", at_most(4))]


def _copy(database: "psycopg.Connection[tuple[object, ...]]") -> float:
    now = iso_text(datetime.datetime.now(datetime.UTC))
    lines = "".join(
        f"{uuid.uuid4()}\t{secrets.token_hex(16)}\tpending\t{VALID_DAYS}\t{now}\t{now}\n"
        for _ in range(CODES)
    )
    start = time.perf_counter()
    with database.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(lines)
    database.commit()
    return time.perf_counter() - start
