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
    """A part with threads. stop() is idempotent, and also stops what a failed start() has started."""

    def start(self) -> None:
        """Starts the threads."""

    def stop(self) -> None:
        """Ends the threads, within a bounded time."""


class Lifecycle:
    """Starts the parts of a replica in order, the server last, and stops them in reverse."""

    def __init__(
        self, server: Server, parts: Sequence[Part], resources: Sequence[Callable[[], object]]
    ) -> None:
        """`resources` are functions that close the resources of the parts; they are called last, in this order."""
        self._server = server
        self._parts = parts
        self._stopping = ExitStack()
        for close in reversed(resources):
            self._stopping.callback(close)

    def start(self) -> None:
        """Starts all parts and the server.

        If one raises, stops those that were started, and raises its exception.
        """
        try:
            for part in self._parts:
                self._stopping.callback(part.stop)
                part.start()
            self._server.start()
        except BaseException:
            self.stop(drain_seconds=0)
            raise

    def stop(self, drain_seconds: float) -> None:
        """Drains and stops the server, see Server.stop(), then stops the parts and closes the resources.

        Idempotent.

        If a part raises, its exception is raised after the others have been stopped.
        """
        with self._stopping:
            self._server.stop(drain_seconds)

    def run_until_terminated(self, drain_seconds: float) -> None:
        """Starts the replica and stops it at SIGTERM or SIGINT. Must be called on the main thread."""
        terminated = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: terminated.set())
        self.start()
        terminated.wait()
        _log.info("draining")
        self.stop(drain_seconds)
        _log.info("stopped")
