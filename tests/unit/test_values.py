"""Values do not change: threads share them, and they are keys."""

import ast
from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"
# One thread has it, and sets its fields from the outermost interceptor inwards.
MUTABLE = {"Call"}


def test_a_dataclass_is_frozen_or_compares_by_identity() -> None:
    classes = [
        (node.name, {ast.unparse(decorator) for decorator in node.decorator_list})
        for file in SERVICES.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    neither = [
        name
        for name, decorators in classes
        if any(decorator.startswith("dataclass") for decorator in decorators)
        and not any("frozen=True" in decorator or "eq=False" in decorator for decorator in decorators)
    ]
    assert set(neither) == MUTABLE
