"""Background loops that delete rows which are no longer needed."""

from collections.abc import Callable, Mapping

import structlog

from services.chassis.background_loop import BackgroundLoop

_log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 300.0


class Housekeeping:
    """Runs each chore when it starts and then every INTERVAL_SECONDS, in a BackgroundLoop for each.

    A chore deletes rows and returns their number. Every replica runs all of them, so chores must be idempotent.
    """

    def __init__(self, chores: Mapping[str, Callable[[], int]]) -> None:
        """`chores` by name; a chore's loop is named `housekeeping-NAME`."""
        self._loops = [
            BackgroundLoop(f"housekeeping-{name}", _logged(name, chore), INTERVAL_SECONDS)
            for name, chore in chores.items()
        ]

    def start(self) -> None:
        """Starts the threads."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Ends the threads, each after the chore that it is running."""
        for loop in self._loops:
            loop.stop()


def _logged(name: str, chore: Callable[[], int]) -> Callable[[], None]:
    def step() -> None:
        _log.debug("housekeeping_done", chore=name, removed=chore())

    return step
