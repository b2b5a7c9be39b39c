"""Streams that stay open, and somebody who takes what comes on them."""

import selectors
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from bench.load.connection import Connect, LoadConnection
from bench.load.driving import FailedCallsError
from bench.load.frames import PreparedCall

# Servers allow about so many on one connection.
STREAMS_A_CONNECTION = 100
# People do not all come at the same moment.
OPENED_AT_ONCE = 20
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Opened:
    """How long it took to open all streams, and how often one was refused and opened once more."""

    seconds: float
    refused: int


@contextmanager
def open_streams(connect: Connect, calls: Sequence[PreparedCall]) -> Iterator[Opened]:
    """Opens a stream for each of the calls, some at a time, and closes them with the block, which begins when all
    have answered. Raises FailedCallsError when as many are refused as there are calls.
    """
    with ExitStack() as held:
        begun, refused = time.perf_counter(), 0
        connections = []
        for first in range(0, len(calls), STREAMS_A_CONNECTION):
            connections.append(held.enter_context(closing(connect())))
            refused += _open(connections[-1], calls[first : first + STREAMS_A_CONNECTION])
        opened = Opened(time.perf_counter() - begun, refused)
        ending = threading.Event()
        taker = threading.Thread(target=_take, args=(connections, ending.is_set), name="stream-taker")
        taker.start()
        held.callback(taker.join)
        held.callback(ending.set)
        yield opened


def _open(connection: LoadConnection, calls: Sequence[PreparedCall]) -> int:
    refused = 0
    for first in range(0, len(calls), OPENED_AT_ONCE):
        some = list(calls[first : first + OPENED_AT_ONCE])
        connection.begin(some)
        while connection.answering < first + len(some):
            ended = connection.receive()
            again = ended.failures + len(ended.seconds)
            refused += again
            if refused > len(calls):
                raise FailedCallsError("streams are refused")
            # Which one it was does not matter: there are several for each login.
            connection.begin(some[:again])
    return refused


def _take(connections: Sequence[LoadConnection], is_over: Callable[[], bool]) -> None:
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        while not is_over():
            for key, _ in selector.select(LOOK_SECONDS):
                key.data.receive()
