"""The faults that cosmic-ray can put into the modules under judgement, on lines that tests run."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

# Variables are replaced by what the operator is configured with; unions of types are no arithmetic; a removed
# decorator or an other exception class is mostly refused at import.
LEFT_OUT = ("Variable", "BitOr", "RemoveDecorator", "ExceptionReplacer")
OPERATORS = [name for name in operator_names() if not any(part in name for part in LEFT_OUT)]


@dataclass(frozen=True)
class Mutant:
    """One fault: the `occurrence`th place in `file` where `operator` applies."""

    file: str
    line: int
    operator: str
    occurrence: int

    def code(self, root: Path) -> str:
        """The file's text with the fault. Raises ValueError when the operator does not apply there."""
        mutated: str | None = mutate_code(
            (root / self.file).read_text(), get_operator(self.operator)(), self.occurrence
        )
        if mutated is None:
            raise ValueError(f"no such fault: {self}")
        return mutated


def sample(
    root: Path, covered: Mapping[str, Mapping[int, Sequence[str]]], count: int, seed: int
) -> list[Mutant]:
    """At most `count` faults on lines of `covered`, which names the tests by file and line; one for each place."""
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    for file, lines in sorted(covered.items()):
        nodes = list(ast_nodes(get_ast((root / file).read_text())))
        for name in OPERATORS:
            operator = get_operator(name)()
            positions = [place for node in nodes for place in operator.mutation_positions(node)]
            for occurrence, ((line, column), _) in enumerate(positions):
                if lines.get(line):
                    places.setdefault((file, line, column), []).append(Mutant(file, line, name, occurrence))
    draw = random.Random(seed)
    chosen = draw.sample(sorted(places), min(count, len(places)))
    return [draw.choice(places[place]) for place in chosen]
