"""Restarts the processes of a running stack that end unexpectedly, until one has died too often."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from deploy.local.errors import LocalStackError
from deploy.local.processes import RunningProgram

MOST_DEATHS = 5
WITHIN_SECONDS = 60.0
# Before the restart after the first death within that time, after the second, and so on.
PAUSES_SECONDS = (0.0, 1.0, 2.0, 4.0)


class Supervised(Protocol):
    """What a supervisor needs of a stack."""

    def dead(self) -> Sequence[RunningProgram]:
        """Returns the processes that have ended and were not started again."""

    def relaunch(self, name: str) -> None:
        """Starts the process again and returns without waiting until it answers.

        Raises LocalStackError if it cannot be started.
        """


class Supervisor:
    """Restarts what has died when its pause is over, and prints a line to standard error for each death.

    The pauses grow with the deaths of the same process within `WITHIN_SECONDS`. A process that cannot be started
    counts as one that has died.
    """

    def __init__(self, stack: Supervised, clock: Callable[[], float] = time.monotonic) -> None:
        self._stack = stack
        self._clock = clock
        self._deaths: dict[str, list[float]] = {}
        # The time of the next restart of each process that has died.
        self._due: dict[str, float] = {}

    def run_if_due(self) -> None:
        """Notices deaths and does the restarts that are due; to be called several times a second.

        Raises LocalStackError, with one line, when a process has died `MOST_DEATHS` times within `WITHIN_SECONDS`.
        """
        for program in self._stack.dead():
            due = self._due.get(program.name)
            if due is None:
                self._count_death(program.name, program.ending())
            elif self._clock() >= due:
                self._restart(program.name)

    def _restart(self, name: str) -> None:
        del self._due[name]
        try:
            self._stack.relaunch(name)
        except LocalStackError as error:
            self._count_death(name, str(error).partition("\n")[0])

    def _count_death(self, name: str, how: str) -> None:
        now = self._clock()
        deaths = [*(one for one in self._deaths.get(name, ()) if one > now - WITHIN_SECONDS), now]
        self._deaths[name] = deaths
        if len(deaths) >= MOST_DEATHS:
            raise LocalStackError(
                f"{how}, for the {MOST_DEATHS}th time within {WITHIN_SECONDS:.0f} s: everything is stopped"
            )
        pause = PAUSES_SECONDS[len(deaths) - 1]
        when = f"in {pause:.0f} s" if pause else "now"
        print(f"FastMP: {how}; it is restarted {when}", file=sys.stderr, flush=True)
        self._due[name] = now + pause
