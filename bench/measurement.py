"""The result of a figure, and helpers to measure it."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

ROUNDS = 5

RunT = TypeVar("RunT")


@dataclass(frozen=True)
class Target:
    """The target of a ratio: "at_least" or "at_most" `bound`."""

    direction: Literal["at_least", "at_most"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether `value` meets the target."""
        return value >= self.bound if self.direction == "at_least" else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.direction == 'at_least' else '≤'} {self.bound:g}"


def at_least(bound: float) -> Target:
    """Returns a target that is met by `bound` and greater values."""
    return Target("at_least", bound)


def at_most(bound: float) -> Target:
    """Returns a target that is met by `bound` and smaller values."""
    return Target("at_most", bound)


@dataclass(frozen=True)
class Result:
    """One line of the table. `number` is the figure's number in the list of targets.

    `measured` and `ceiling` are medians in `unit`. `target` applies to their ratio, or without a ceiling (None) to
    `measured` itself. `detail` is a sentence with further observations.
    """

    number: int
    what: str
    measured: float
    ceiling: float | None
    unit: str
    target: Target
    detail: str = ""

    @property
    def ratio(self) -> float | None:
        """`measured` divided by `ceiling`; None without a ceiling."""
        return None if self.ceiling is None else self.measured / self.ceiling

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        ratio = self.ratio
        return self.target.is_met(self.measured if ratio is None else ratio)


def interleave(
    runs: Mapping[str, Callable[[], RunT]], rounds: int = ROUNDS, warm_up: bool = True
) -> dict[str, list[RunT]]:
    """Calls the runs in turn, `rounds` times, so that all have the same conditions. Returns their results by name.

    Each turn begins with another run. With `warm_up`, the results of a first turn are discarded.
    """
    names = list(runs)
    if warm_up:
        for name in names:
            runs[name]()
    seen: dict[str, list[RunT]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            seen[name].append(runs[name]())
    return seen


def median(values: Sequence[float]) -> float:
    """Returns the median. Raises StatisticsError if there are no values."""
    return statistics.median(values)


def percentile(values: Sequence[float], part: float) -> float:
    """Returns the `part` quantile (0 to 1) of `values` by nearest rank. Raises IndexError if there are none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]
