"""Login on two replicas of Identity behind Envoy, each on its own core, compared with one replica on one core."""

import functools
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass

from bench.bench import PASSWORD, Bench
from bench.load.connection import LoadConnection
from bench.load.driving import drive
from bench.load.frames import rest_call
from bench.measurement import Result, at_least, at_most, interleave, median
from bench.processes import tree_cpu_seconds
from deploy.local.stack import LocalStack

NUMBERS = (13,)
ACCOUNTS = 32
SECONDS = 5.0
# On each replica, a hash is in progress and more are waiting.
IN_FLIGHT_A_REPLICA = 4
ONE_CORE_EACH = {"HASHING_THREADS": "1"}


@dataclass(frozen=True)
class _Turn:
    per_second: float
    # The busiest replica's CPU time divided by the least busy one's; all logins are the same work.
    imbalance: float


def measure(bench: Bench) -> list[Result]:
    """Measures logins a second by REST, and how evenly Envoy distributes them."""
    cores = bench.cores
    with (
        bench.new_stack(environment=ONE_CORE_EACH) as single,
        bench.new_stack({"identity": 2}, ONE_CORE_EACH) as double,
    ):
        everywhere = {"postgres": cores.both, "gateway": cores.both, "load": cores.both}
        bench.place(single, **everywhere)
        bench.place(double, identity_2=cores.load, **everywhere)
        turns = interleave(
            {
                "one": _logins(bench, single, ("identity",)),
                "two": _logins(bench, double, ("identity", "identity-2")),
            }
        )
    one, two = (median([turn.per_second for turn in turns[name]]) for name in ("one", "two"))
    imbalance = median([turn.imbalance for turn in turns["two"]])
    return [
        Result(13, "Login on two replicas", two, one, "calls/s", at_least(1.8)),
        Result(13, "the busier replica's share by the other's", imbalance, None, "×", at_most(1.1)),
    ]


def _logins(bench: Bench, stack: LocalStack, replicas: tuple[str, ...]) -> Callable[[], _Turn]:
    accounts = bench.accounts_of(stack).active(ACCOUNTS)
    bodies = [json.dumps({"email": one.email, "password": PASSWORD}).encode() for one in accounts]
    calls = itertools.cycle([rest_call("POST", "/auth/login", body) for body in bodies])
    connect = functools.partial(LoadConnection, stack.gateway_url.removeprefix("http://"))
    pids = [stack.process(name).pid for name in replicas]

    def run() -> _Turn:
        before = [tree_cpu_seconds(pid) for pid in pids]
        load = drive(
            connect,
            calls,
            lambda: 0.0,
            seconds=SECONDS,
            in_flight=IN_FLIGHT_A_REPLICA * len(replicas),
            connections=1,
        )
        used = [tree_cpu_seconds(pid) - earlier for pid, earlier in zip(pids, before, strict=True)]
        return _Turn(load.per_second, max(used) / min(used))

    return run
