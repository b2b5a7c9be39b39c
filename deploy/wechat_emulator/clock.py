"""The emulator's clock, which a test can advance."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """The machine's two clocks in seconds, both advanced by `ahead`."""

    monotonic_source: Callable[[], float]
    wall_source: Callable[[], float]
    ahead: float = 0.0

    def now(self) -> float:
        """Returns the monotonic time for the ages of QR codes, sessions and timed actions."""
        return self.monotonic_source() + self.ahead

    def wall(self) -> float:
        """Returns the seconds since 1970, for the Expires of cookies."""
        return self.wall_source() + self.ahead

    def true_monotonic(self) -> float:
        """Returns CLOCK_MONOTONIC itself, for reports that other processes compare with their own time."""
        return self.monotonic_source()
