"""Time for the emulator, which a test may move forward."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """The machine's two clocks in seconds, both ahead by what `advance` added."""

    monotonic_source: Callable[[], float]
    wall_source: Callable[[], float]
    ahead: float = 0.0

    def now(self) -> float:
        """For durations: what ages QRs, sessions and timed taps."""
        return self.monotonic_source() + self.ahead

    def wall(self) -> float:
        """Seconds since 1970, for cookies' Expires."""
        return self.wall_source() + self.ahead

    def true_monotonic(self) -> float:
        """CLOCK_MONOTONIC itself, for reports that other processes compare with their own reading."""
        return self.monotonic_source()
