"""Streams that stay open, and a thread that reads them."""

import selectors
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from bench.load.connection import Connect, LoadConnection
from bench.load.driving import FailedCallsError
from bench.load.frames import PreparedCall

# About the number that servers allow on one connection.
STREAMS_A_CONNECTION = 100
# Opened concurrently; real clients do not all connect at the same moment.
OPENED_TOGETHER = 20
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Opened:
    """The time to open all streams, and how often one was refused and opened again."""

    seconds: float
    refused: int


@contextmanager
def open_streams(connect: Connect, calls: Sequence[PreparedCall]) -> Iterator[Opened]:
    """Opens a stream for each of the calls, some at a time, and closes them at the end of the block.

    The block begins when all have answered. Raises FailedCallsError if more are refused than there are calls.
    """
    with ExitStack() as held:
        start, refused = time.perf_counter(), 0
        connections = []
        for first in range(0, len(calls), STREAMS_A_CONNECTION):
            connections.append(held.enter_context(closing(connect())))
            refused += _open(connections[-1], calls[first : first + STREAMS_A_CONNECTION])
        opened = Opened(time.perf_counter() - start, refused)
        ending = threading.Event()
        reader = threading.Thread(target=_read, args=(connections, ending.is_set), name="stream-reader")
        reader.start()
        held.callback(reader.join)
        held.callback(ending.set)
        yield opened


def _open(connection: LoadConnection, calls: Sequence[PreparedCall]) -> int:
    refused = 0
    for first in range(0, len(calls), OPENED_TOGETHER):
        some = list(calls[first : first + OPENED_TOGETHER])
        connection.begin(some)
        while connection.answering < first + len(some):
            ended = connection.receive()
            again = ended.failures + len(ended.seconds)
            refused += again
            if refused > len(calls):
                raise FailedCallsError("streams are refused")
            # It does not matter which one was refused: there are several streams for each login.
            connection.begin(some[:again])
    return refused


def _read(connections: Sequence[LoadConnection], is_over: Callable[[], bool]) -> None:
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        while not is_over():
            for key, _ in selector.select(LOOK_SECONDS):
                key.data.receive()
