"""The order in which the parts of a replica are started and stopped."""

import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

import structlog

from services.chassis.grpc_server.server import Server

_log = structlog.get_logger(__name__)


class Part(Protocol):
    """Something with threads. stop() is idempotent, and also ends what a failed start() left running."""

    def start(self) -> None:
        """Starts the threads."""

    def stop(self) -> None:
        """Ends the threads, within a bounded time."""


class Lifecycle:
    """Starts the parts of a replica in order, the server last, and stops them in reverse."""

    def __init__(
        self, server: Server, parts: Sequence[Part], resources: Sequence[Callable[[], object]]
    ) -> None:
        """`resources` are the functions that close what the parts use; they are called last, in this order."""
        self._server = server
        self._parts = parts
        self._stopping = ExitStack()
        for close in reversed(resources):
            self._stopping.callback(close)

    def start(self) -> None:
        """Starts everything. When a part raises, what has been started is stopped, and the exception passes on."""
        try:
            for part in self._parts:
                self._stopping.callback(part.stop)
                part.start()
            self._server.start()
        except BaseException:
            self.stop(drain_seconds=0)
            raise

    def stop(self, drain_seconds: float) -> None:
        """Drains the server as Server.stop() does, then stops the parts and closes the resources. Idempotent.

        An exception of one part passes on after the others have been stopped.
        """
        with self._stopping:
            self._server.stop(drain_seconds)

    def run_until_terminated(self, drain_seconds: float) -> None:
        """Starts everything and, at SIGTERM or SIGINT, stops it. Must be called on the main thread."""
        terminated = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: terminated.set())
        self.start()
        terminated.wait()
        _log.info("draining")
        self.stop(drain_seconds)
        _log.info("stopped")
