"""The figures: each module is one, and its name is that in `make bench ONLY=name`."""

import importlib
import pkgutil
from typing import Protocol, cast

from bench.bench import Bench
from bench.measurement import Result


class Figure(Protocol):
    """The interface of a module of this folder. `NUMBERS` are the numbers of its results in the list of targets."""

    NUMBERS: tuple[int, ...]

    def measure(self, bench: Bench) -> list[Result]:
        """Measures and returns the lines of the table. It must stop what it starts besides the shared stack."""
        ...


def all_figures() -> dict[str, Figure]:
    """Returns every figure by name, in the order of the numbers."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    figures = {name: cast("Figure", importlib.import_module(f"{__name__}.{name}")) for name in names}
    return dict(sorted(figures.items(), key=lambda named: named[1].NUMBERS))
