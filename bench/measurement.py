"""One figure's result, and the runs that it comes from."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

ROUNDS = 5

RunT = TypeVar("RunT")


@dataclass(frozen=True)
class Target:
    """What a ratio is held against: "at_least" or "at_most" `bound`."""

    direction: Literal["at_least", "at_most"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether `value` is on the right side of the bound."""
        return value >= self.bound if self.direction == "at_least" else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.direction == 'at_least' else '≤'} {self.bound:g}"


def at_least(bound: float) -> Target:
    """A target that is met by `bound` and more."""
    return Target("at_least", bound)


def at_most(bound: float) -> Target:
    """A target that is met by `bound` and less."""
    return Target("at_most", bound)


@dataclass(frozen=True)
class Result:
    """One line of the table. `number` is the figure's in the list of targets.

    `measured` and `ceiling` are medians in `unit`; a figure without a ceiling has None, and then `target` is held
    against `measured` itself. `detail` is a sentence with what else was seen.
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
        """`measured` by `ceiling`; None without a ceiling."""
        return None if self.ceiling is None else self.measured / self.ceiling

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        ratio = self.ratio
        return self.target.is_met(self.measured if ratio is None else ratio)


def interleave(
    runs: Mapping[str, Callable[[], RunT]], rounds: int = ROUNDS, warm_up: bool = True
) -> dict[str, list[RunT]]:
    """What each run gave, by its name: one of each in turn, `rounds` times, so that all see the same machine.

    The turns begin with another run each time. With `warm_up` a first turn is thrown away.
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
    """The median. Raises StatisticsError when there is none."""
    return statistics.median(values)


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which `part` (0 to 1) of `values` lie, by nearest rank. Raises IndexError for none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]
