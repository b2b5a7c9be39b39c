"""Removes from the database what has served its time."""

import threading
from collections.abc import Callable, Mapping

import structlog

from services.chassis.errors import DomainError

_log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 300.0


class Housekeeping:
    """A thread that does each of its chores soon after its start and then every five minutes.

    A chore gives the number of rows that it removed. Every replica has this thread: chores bear being done twice.
    """

    def __init__(self, chores: Mapping[str, Callable[[], int]]) -> None:
        self._chores = chores
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the chore that it is at."""
        self._stopping.set()
        self._thread.join(timeout=15)

    def _run(self) -> None:
        while not self._stopping.is_set():
            for name, chore in self._chores.items():
                try:
                    removed = chore()
                except DomainError as error:
                    _log.warning("housekeeping_failed", chore=name, reason=error.reason)
                else:
                    _log.debug("housekeeping_done", chore=name, removed=removed)
            self._stopping.wait(INTERVAL_SECONDS)
