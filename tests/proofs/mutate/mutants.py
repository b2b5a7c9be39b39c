"""The faults that cosmic-ray can put into the modules under judgement."""

import ast
import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests.proofs.mutate.equivalent import EQUIVALENT

# Variables are replaced by what the operator is configured with; a removed decorator or an other exception class is
# mostly refused at import. `is` compares with None and members of enumerations, which are equal only to themselves.
LEFT_OUT = ("Variable", "RemoveDecorator", "ExceptionReplacer", "Is_Eq", "IsNot_NotEq")
OPERATORS = [name for name in operator_names() if not any(part in name for part in LEFT_OUT)]
# Compared without blanks, which the operators set otherwise than the code.
_EQUIVALENT = {(file, "".join(line.split())) for file, line in EQUIVALENT}
Position = tuple[int, int]


@dataclass(frozen=True)
class Mutant:
    """One fault: the `occurrence`th place in `file` where `operator` applies, and the lines of its statement."""

    file: str
    line: int
    lines: range
    operator: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.operator.removeprefix('core/')} #{self.occurrence}"

    def code(self, root: Path) -> str:
        """The file's text with the fault. Raises ValueError when the operator does not apply there."""
        mutated: str | None = mutate_code(
            (root / self.file).read_text(), get_operator(self.operator)(), self.occurrence
        )
        if mutated is None:
            raise ValueError(f"no such fault: {self}")
        return mutated

    def is_worth_judging(self, root: Path) -> bool:
        """Returns whether the code with the fault can be parsed, and is not one of EQUIVALENT."""
        code = self.code(root)
        try:
            ast.parse(code)
        except SyntaxError:
            return False
        lines = zip((root / self.file).read_text().splitlines(), code.splitlines(), strict=False)
        changed = next((new for old, new in lines if old != new), "")
        return (self.file, "".join(changed.split())) not in _EQUIVALENT


def sample(root: Path, files: Iterable[str], count: int, seed: int) -> list[Mutant]:
    """At most `count` faults of `files`, one for each place; the same ones while the files stay as they are.

    Annotations are no places (a union of types is no arithmetic). What does not parse, or is listed as equivalent,
    is no fault.
    """
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    for file in sorted(files):
        text = (root / file).read_text()
        nodes, tree = list(ast_nodes(get_ast(text))), ast.parse(text)
        annotated, statements = list(_annotations(tree)), list(_simple_statements(tree))
        for name in OPERATORS:
            operator = get_operator(name)()
            positions = [place for node in nodes for place in operator.mutation_positions(node)]
            for occurrence, (start, _) in enumerate(positions):
                if not any(begin <= start < end for begin, end in annotated):
                    line = start[0]
                    lines = next((lines for lines in statements if line in lines), range(line, line + 1))
                    mutant = Mutant(file, line, lines, name, occurrence)
                    places.setdefault((file, *start), []).append(mutant)
    draw = random.Random(seed)
    shuffled = draw.sample(sorted(places), len(places))
    faults = (draw.choice(places[place]) for place in shuffled)
    return list(itertools.islice((fault for fault in faults if fault.is_worth_judging(root)), count))


def _annotations(tree: ast.AST) -> Iterable[tuple[Position, Position]]:
    for node in ast.walk(tree):
        found = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if isinstance(found, ast.expr):
            yield (found.lineno, found.col_offset), (found.end_lineno or 0, found.end_col_offset or 0)


def _simple_statements(tree: ast.AST) -> Iterable[range]:
    """The lines of each statement that has no block of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            yield range(node.lineno, (node.end_lineno or node.lineno) + 1)
