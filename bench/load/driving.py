"""Keeps a number of calls in flight for a while, and says how the server fared."""

import contextlib
import itertools
import selectors
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bench.load.connection import Connect, LoadConnection
from bench.load.frames import PreparedCall

PATIENCE_SECONDS = 30.0


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
        """What a call cost the server."""
        return 1e6 * self.cpu_seconds / self.calls

    @property
    def busy(self) -> float:
        """How much of a core the server used."""
        return self.cpu_seconds / self.seconds


class FailedCallsError(Exception):
    """Calls of a load failed, so that it measures nothing."""


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
    """Keeps `in_flight` of `calls` under way over several connections for `seconds`, or until there are no more.

    Repeats nothing: `calls` is an iterator over as many as are wanted; repeated() makes one of a few. Raises
    FailedCallsError when a call fails, unless failures are to be counted.
    """
    source = iter(calls)
    with contextlib.ExitStack() as held:
        opened = [_open(connect, held) for _ in range(connections)]
        cpu_before, begun = cpu_seconds(), time.perf_counter()
        latencies, failures = _exchange(opened, source, begun + seconds, in_flight // connections)
        took, cpu = time.perf_counter() - begun, cpu_seconds() - cpu_before
    if failures and not may_fail:
        raise FailedCallsError(f"{failures} of {failures + len(latencies)} calls failed")
    return Run(len(latencies), failures, took, cpu, latencies)


def repeated(calls: Iterable[PreparedCall]) -> Iterator[PreparedCall]:
    """The calls over and over."""
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
            ready = selector.select(PATIENCE_SECONDS)
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
