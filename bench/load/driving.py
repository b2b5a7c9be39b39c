"""Keeps a number of calls in flight for some time and measures the server."""

import contextlib
import itertools
import selectors
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bench.load.connection import Connect, LoadConnection
from bench.load.frames import PreparedCall

ANSWER_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Run:
    """One run of load. `cpu_seconds` is the server's."""

    calls: int
    failures: int
    seconds: float
    cpu_seconds: float
    latencies: list[float] = field(repr=False)

    @property
    def per_second(self) -> float:
        """Successful calls a second."""
        return self.calls / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """The server's CPU time for a call."""
        return 1e6 * self.cpu_seconds / self.calls

    @property
    def busy(self) -> float:
        """The share of a core that the server used."""
        return self.cpu_seconds / self.seconds


class FailedCallsError(Exception):
    """Calls of a load failed, which makes the measurement invalid."""


def drive(
    connect: Connect,
    calls: Iterable[PreparedCall],
    cpu_seconds: Callable[[], float],
    *,
    seconds: float,
    in_flight: int = 64,
    connections: int = 4,
    may_fail: bool = False,
) -> Run:
    """Keeps `in_flight` of `calls` in flight over several connections for `seconds`, or until there are no more.

    Each of `calls` is sent once; repeated() repeats a few. Raises FailedCallsError if a call fails, unless
    `may_fail`.
    """
    source = iter(calls)
    with contextlib.ExitStack() as held:
        opened = [_open(connect, held) for _ in range(connections)]
        cpu_before, start = cpu_seconds(), time.perf_counter()
        latencies, failures = _exchange(opened, source, start + seconds, in_flight // connections)
        took, cpu = time.perf_counter() - start, cpu_seconds() - cpu_before
    if failures and not may_fail:
        raise FailedCallsError(f"{failures} of {failures + len(latencies)} calls failed")
    return Run(len(latencies), failures, took, cpu, latencies)


def repeated(calls: Iterable[PreparedCall]) -> Iterator[PreparedCall]:
    """Returns an endless iterator over the calls."""
    return itertools.cycle(calls)


def _open(connect: Connect, held: contextlib.ExitStack) -> LoadConnection:
    connection = connect()
    held.callback(connection.close)
    return connection


def _exchange(
    connections: list[LoadConnection], source: Iterator[PreparedCall], until: float, in_flight: int
) -> tuple[list[float], int]:
    latencies: list[float] = []
    failures = 0
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.begin(list(itertools.islice(source, in_flight)))
        while any(connection.in_flight for connection in connections):
            ready = selector.select(ANSWER_TIMEOUT_SECONDS)
            if not ready:
                raise TimeoutError("the server does not answer")
            for key, _ in ready:
                connection = key.data
                ended = connection.receive()
                latencies += ended.seconds
                failures += ended.failures
                if time.perf_counter() < until:
                    done = len(ended.seconds) + ended.failures
                    connection.begin(list(itertools.islice(source, done)))
    return latencies, failures
