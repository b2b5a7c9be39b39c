"""The clock of the simulation, and the queues for which its processes wait.

A process is a generator. It yields the seconds for which it pauses, or the Turns of which it wants one. SimPy does
the same with an object for each event, which takes more of the CPU.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Generator


class Turns:
    """A number of turns, for which processes wait in the order in which they asked."""

    def __init__(self, loop: "Loop", number: int) -> None:
        self._loop = loop
        self.free = number
        self.waiting: deque[Steps] = deque()

    def release(self) -> None:
        """Gives a turn back, to the process that has waited longest."""
        if self.waiting:
            self._loop.start(self.waiting.popleft())
        else:
            self.free += 1


Steps = Generator[float | Turns, None, None]


class Loop:
    """Runs processes in simulated time. `now` is in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Steps]] = []
        # Makes the order of processes that are due at the same time that of their calls.
        self._count = itertools.count()

    def start(self, steps: Steps, delay: float = 0) -> None:
        """Starts a process, or continues one, after `delay` seconds."""
        heapq.heappush(self._due, (self.now + delay, next(self._count), steps))

    def run(self, until: float) -> None:
        """Runs everything that is due before `until`."""
        while self._due and self._due[0][0] <= until:
            self.now, _, steps = heapq.heappop(self._due)
            self._advance(steps)
        self.now = until

    def _advance(self, steps: Steps) -> None:
        for wait in steps:
            if not isinstance(wait, Turns):
                self.start(steps, wait)
                return
            if not wait.free:
                wait.waiting.append(steps)
                return
            wait.free -= 1
