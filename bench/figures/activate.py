"""Activate through the gateway: one call at a time, and with 16 callers."""

import contextlib
import functools
import itertools
import json
from collections.abc import Callable, Iterator

from bench.bench import Bench
from bench.codes import make_codes
from bench.load.connection import LoadConnection
from bench.load.driving import Run, drive
from bench.load.frames import PreparedCall, rest_call
from bench.measurement import ROUNDS, Result, at_least, at_most, median
from tests.support.ready_accounts import ReadyAccount

NUMBERS = (3,)
ACCOUNTS = 512
CALLERS = 16
SECONDS = 2.0
CALLS_ALONE = 200
# More than are redeemed in a run.
CODES_A_RUN = 2_000


def measure(bench: Bench) -> list[Result]:
    """Measures Activate of new codes by REST: Activation and Identity on one core, Envoy and the load on the other.

    The accounts take turns. When an account's turn comes again, its cached principal is outdated by its activation,
    so that Activation calls Identity again.
    """
    bench.place(bench.stack)
    server = bench.service("activation", "identity")
    connect = functools.partial(LoadConnection, bench.stack.gateway_url.removeprefix("http://"))
    codes = make_codes(bench.stack.database_url("activation"), (ROUNDS + 2) * CODES_A_RUN)
    calls = map(_activate, codes, itertools.cycle(bench.accounts.pending(ACCOUNTS)))
    _run(connect, calls, server.cpu_seconds)
    alone: list[float] = []
    runs: list[Run] = []
    for _ in range(ROUNDS):
        with contextlib.closing(connect()) as connection:
            alone += [connection.call(next(calls)) for _ in range(CALLS_ALONE)]
        runs.append(_run(connect, calls, server.cpu_seconds))
    microseconds, busy = (
        median([getattr(run, what) for run in runs]) for what in ("cpu_microseconds", "busy")
    )
    detail = f"{microseconds:.0f} µs of CPU a call in both services, which used {100 * busy:.0f} % of a core"
    rate = median([run.per_second for run in runs])
    return [
        Result(3, "Activate by REST, alone, median", 1e3 * median(alone), None, "ms", at_most(8)),
        Result(3, f"Activate by REST, {CALLERS} callers", rate, None, "calls/s", at_least(200), detail),
    ]


def _run(
    connect: functools.partial[LoadConnection],
    calls: Iterator[PreparedCall],
    cpu_seconds: Callable[[], float],
) -> Run:
    return drive(connect, calls, cpu_seconds, seconds=SECONDS, in_flight=CALLERS)


def _activate(code: str, account: ReadyAccount) -> PreparedCall:
    body = json.dumps({"activation_code": code}).encode()
    return rest_call("POST", "/activation/activate", body, account.token)
