"""The figures: every module here is one. Its name is that of `make bench ONLY=name`."""

import importlib
import pkgutil
from typing import Protocol, cast

from bench.bench import Bench
from bench.measurement import Result


class Figure(Protocol):
    """What a module of this folder offers. `NUMBERS` are those of its results in the list of targets."""

    NUMBERS: tuple[int, ...]

    def measure(self, bench: Bench) -> list[Result]:
        """Measures and gives the lines of the table. What it starts beyond the shared stack, it stops."""
        ...


def all_figures() -> dict[str, Figure]:
    """Every figure by name, in the order of the numbers."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    figures = {name: cast("Figure", importlib.import_module(f"{__name__}.{name}")) for name in names}
    return dict(sorted(figures.items(), key=lambda named: named[1].NUMBERS))
