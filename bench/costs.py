"""`python -m bench.costs`: measures the costs of logins in docs/scaling.md on one stack: CPU, WAL, traffic."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg

from bench.bench import Bench
from bench.logins import ENVIRONMENT, Logins, phone
from bench.processes import tree_cpu_seconds
from deploy.local.stack import LocalStack
from deploy.local.topology import SERVICES
from deploy.wechat_emulator.control import EmulatorControl
from tests.support.ready_accounts import ReadyAccount

PENDING = 1000
PENDING_SECONDS = 30.0
WHOLE_LOGINS = 100
SETTLE_SECONDS = 5.0
_WAL: LiteralString = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
_CONNECTIONS: LiteralString = """
SELECT datname, count(*) FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()
GROUP BY 1 ORDER BY 1
"""


@dataclass
class Costs:
    """The resources used: CPU seconds by process, bytes of WAL, requests to WeChat and bytes to and from it."""

    seconds: float
    cpu: dict[str, float]
    wal_bytes: int
    requests: int
    sent_bytes: int
    received_bytes: int

    def per(self, count: float) -> str:
        """Formats the costs divided by `count`."""
        cpu = ", ".join(f"{name} {1e3 * used / count:.2f} ms" for name, used in self.cpu.items())
        return (
            f"CPU {cpu}; WAL {self.wal_bytes / count:,.0f} bytes; {self.requests / count:.2f} requests to WeChat, "
            f"{self.sent_bytes / count:,.0f} bytes sent, {self.received_bytes / count:,.0f} received"
        )


def main() -> int:
    """Prints the costs of a login from its start to the cookie, and of a second of a pending login."""
    with Bench() as bench, bench.new_stack(environment=ENVIRONMENT) as stack:
        bench.place(stack)
        owner = bench.accounts_of(stack).active(1)[0]
        with phone(stack) as wechat, Logins(stack, owner) as logins:
            with measured(stack, wechat) as whole:
                _whole_logins(stack, owner, wechat, logins)
            print(f"a login from start to cookie: {whole().per(WHOLE_LOGINS)}")
            logins.begin(PENDING)
            time.sleep(SETTLE_SECONDS)
            with measured(stack, wechat) as pending:
                time.sleep(PENDING_SECONDS)
            used = pending()
            print(f"a second of a pending login: {used.per(used.seconds * PENDING)}")
            with psycopg.connect(stack.database_url("identity")) as connection:
                print(f"connections: {dict(connection.execute(_CONNECTIONS).fetchall())}")
    return 0


@contextmanager
def measured(stack: LocalStack, wechat: EmulatorControl) -> Iterator[Callable[[], Costs]]:
    """Yields a function that returns, after the block, the costs of the block."""
    start, before = time.monotonic(), _state(stack, wechat)
    found: list[Costs] = []
    yield lambda: found[0]
    after, took = _state(stack, wechat), time.monotonic() - start
    cpu = {name: after.cpu[name] - used for name, used in before.cpu.items()}
    found.append(
        Costs(
            took,
            cpu,
            after.wal_bytes - before.wal_bytes,
            after.requests - before.requests,
            after.sent_bytes - before.sent_bytes,
            after.received_bytes - before.received_bytes,
        )
    )


def _state(stack: LocalStack, wechat: EmulatorControl) -> Costs:
    emulator = stack.wechat_emulator
    if emulator is None:
        raise RuntimeError("the stack has no emulated WeChat")
    cpu = {name: tree_cpu_seconds(stack.process(name).pid) for name in (*SERVICES, "postgres", "gateway")}
    with psycopg.connect(stack.database_url("identity")) as connection:
        (wal,) = connection.execute(_WAL).fetchone() or (0,)
    sent, received = _traffic(urlsplit(emulator.base_url).port or 0, stack.process("wechat_cookie").pid)
    return Costs(0.0, cpu, wal, sum(wechat.counters().requests.values()), sent, received)


def _traffic(port: int, pid: int) -> tuple[int, int]:
    """Returns the bytes that the process has sent to and received from the port on open connections."""
    listing = ["ss", "-tinpH", "state", "established", f"( dport = :{port} )"]
    text = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    sums = {"bytes_sent": 0, "bytes_received": 0}
    connections = text.replace("\n\t", " ").splitlines()
    for line in connections:
        if f"pid={pid}," in line:
            for word in line.split():
                name, _, value = word.partition(":")
                if name in sums:
                    sums[name] += int(value)
    return sums["bytes_sent"], sums["bytes_received"]


def _whole_logins(stack: LocalStack, owner: ReadyAccount, wechat: EmulatorControl, logins: Logins) -> None:
    watched = logins.begin_watched(wechat, WHOLE_LOGINS)
    for one in watched:
        wechat.scan_and_confirm(one.uuid)
    url = urlsplit(stack.gateway_url)
    headers = {"authorization": f"Bearer {owner.token}"}
    for one in watched:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
        connection.request("GET", f"/cookie/watch?login_key={one.login_key}", headers=headers)
        events = connection.getresponse().read().decode().split("data:")
        if "success" not in json.loads(events[-1]):
            raise RuntimeError("a login has not succeeded")
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
