"""Login, compared with the password hash alone; and the effect of a flood of logins on other calls."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.bench import PASSWORD, Bench
from bench.load.connection import Connect
from bench.load.driving import Run, drive
from bench.load.frames import PreparedCall, grpc_call
from bench.measurement import Result, at_least, at_most, interleave, median, percentile
from bench.rpcs import GET_ME, LOGIN, connecting, without_request
from bench.sign_ins import one_hash_seconds
from fastmp.identity.v1 import identity_service_pb2 as pb

NUMBERS = (5,)
ACCOUNTS = 64
FLOOD_SECONDS = 4.0
IDLE_SECONDS = 2.0
# For each hash in progress, another one is waiting, and none is refused.
IN_FLIGHT_A_CORE = 2
# The pause between two calls of GetMe.
PAUSE_SECONDS = 0.004


def measure(bench: Bench) -> list[Result]:
    """Measures logins a second with the service on all cores, and GetMe's p99 without and with such load."""
    cores = bench.cores.both
    bench.place(bench.stack, identity=cores, postgres=cores, load=cores)
    accounts = bench.accounts.active(ACCOUNTS)
    server = bench.service("identity")
    connect = connecting(bench, server, "identity")
    get_me = without_request(GET_ME, [accounts[0].token])[0]
    messages = [pb.LoginRequest(email=one.email, password=PASSWORD) for one in accounts]
    logins = itertools.cycle([grpc_call(LOGIN, message.SerializeToString()) for message in messages])

    in_flight = IN_FLIGHT_A_CORE * len(cores)

    def flood() -> Run:
        return drive(
            connect,
            logins,
            server.cpu_seconds,
            seconds=FLOOD_SECONDS,
            in_flight=in_flight,
            connections=1,
        )

    def flooded() -> float:
        with _p99_of(connect, get_me) as p99:
            flood()
        return p99()

    def idle() -> float:
        with _p99_of(connect, get_me) as p99:
            time.sleep(IDLE_SECONDS)
        return p99()

    seconds = interleave(
        {
            # Without the calls of GetMe, which would use a part of the cores.
            "login": lambda: 1 / flood().per_second,
            "hash": one_hash_seconds,
            "flooded": flooded,
            "idle": idle,
        }
    )
    login, one_hash, in_flood, quiet = (
        median(seconds[name]) for name in ("login", "hash", "flooded", "idle")
    )
    detail = f"one hash takes {1e3 * one_hash:.0f} ms of a core; {in_flight} logins in flight on {len(cores)} cores"
    return [
        Result(5, "Login", 1 / login, len(cores) / one_hash, "calls/s", at_least(0.85), detail),
        Result(5, "GetMe's p99 in a flood of Logins", 1e3 * in_flood, 1e3 * quiet, "ms", at_most(3)),
    ]


@contextlib.contextmanager
def _p99_of(connect: Connect, call: PreparedCall) -> Iterator[Callable[[], float]]:
    """Repeats the call during the block.

    Yields a function that returns the 99th percentile, in seconds, afterwards.
    """
    seconds: list[float] = []
    over = threading.Event()

    def watch() -> None:
        with contextlib.closing(connect()) as connection:
            while not over.wait(PAUSE_SECONDS):
                seconds.append(connection.call(call))

    with ThreadPoolExecutor(1) as thread:
        watching = thread.submit(watch)
        try:
            yield lambda: percentile(seconds, 0.99)
        finally:
            over.set()
            watching.result()
