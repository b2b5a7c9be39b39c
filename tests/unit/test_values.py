"""What holds for all values in services/: they do not change, and show no secret."""

import ast
from collections.abc import Iterator
from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"
# One thread has each: interceptors set a Call's fields from the outermost inwards, an import counts in its Report,
# the client of WeChat adds what it parses to a MeasuredRequest.
MUTABLE = {"Call", "MeasuredRequest", "Report"}
# Fields that hold secrets, or pictures and whole answers, which may show them.
SECRETS = {
    *("activation_code", "avatar", "body", "content", "home_path", "jar", "key", "local", "metadata"),
    *("password_hash", "proxy", "qr_image", "redirect_url", "token", "url", "uuid", "value"),
}
# A digest; a column of a table; an image, whose content is not shown; what e-mails are compared by.
PUBLIC = {("Bucket", "key"), ("EncryptedColumn", "key"), ("Described", "avatar"), ("SourceAccount", "key")}


def classes() -> Iterator[tuple[ast.ClassDef, str]]:
    """Each class with the text of its decorators and bases."""
    for file in SERVICES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                yield node, " ".join(map(ast.unparse, (*node.decorator_list, *node.bases)))


def test_a_dataclass_is_frozen_or_compares_by_identity() -> None:
    neither = {
        node.name
        for node, kind in classes()
        if "dataclass" in kind and "frozen=True" not in kind and "eq=False" not in kind
    }
    assert neither == MUTABLE


def test_a_field_that_holds_a_secret_is_not_in_the_repr() -> None:
    shown = {
        (node.name, field.target.id)
        for node, kind in classes()
        if ("dataclass" in kind or "BaseModel" in kind) and "repr=False" not in kind
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if field.target.id in SECRETS and "repr=False" not in ast.unparse(field)
    }
    assert shown == PUBLIC
