"""Streams that stay open, and somebody who takes what comes on them."""

import selectors
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from bench.load.connection import Connect, LoadConnection
from bench.load.frames import PreparedCall

# Servers allow about so many on one connection.
STREAMS_A_CONNECTION = 100
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.1


@contextmanager
def open_streams(connect: Connect, calls: Sequence[PreparedCall]) -> Iterator[float]:
    """Opens a stream for each of the calls, and closes them with the block, which begins when all have answered.

    Gives the seconds that this took. Raises TimeoutError when it takes a minute.
    """
    with ExitStack() as held:
        begun = time.perf_counter()
        connections = []
        for first in range(0, len(calls), STREAMS_A_CONNECTION):
            connections.append(held.enter_context(closing(connect())))
            connections[-1].begin(list(calls[first : first + STREAMS_A_CONNECTION]))
        ending = threading.Event()
        taker = threading.Thread(target=_take, args=(connections, ending), name="stream-taker")
        taker.start()
        held.callback(taker.join)
        held.callback(ending.set)
        while sum(connection.answering for connection in connections) < len(calls):
            if time.perf_counter() - begun > PATIENCE_SECONDS:
                raise TimeoutError("not every stream has been answered")
            time.sleep(LOOK_SECONDS / 10)
        yield time.perf_counter() - begun


def _take(connections: Sequence[LoadConnection], ending: threading.Event) -> None:
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        while not ending.is_set():
            for key, _ in selector.select(LOOK_SECONDS):
                key.data.receive()
