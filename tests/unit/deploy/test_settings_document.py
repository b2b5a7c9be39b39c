"""docs/settings.md names every setting, who reads it, and its default."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from pydantic.fields import FieldInfo

from deploy.local.known_settings import OTHERS, READERS
from deploy.local.settings import LocalSettings

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "settings.md"
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
ROW = re.compile(r"\| `(?P<name>[A-Z_]+)` \| (?P<readers>[^|]+) \| (?P<default>[^|]+) \| (?P<what>[^|]+) \|")
EXAMPLES = (ROOT / ".env.example", ROOT / "deploy" / "compose" / ".env.example")


@dataclass(frozen=True)
class Row:
    readers: str
    default: str
    what: str


def rows() -> dict[str, Row]:
    found = list(ROW.finditer(DOCUMENT.read_text()))
    names = [one["name"] for one in found]
    assert len(names) == len(set(names)), "a setting has two rows"
    return {one["name"]: Row(one["readers"], one["default"], one["what"]) for one in found}


def fields() -> Mapping[str, dict[str, FieldInfo]]:
    """The field behind each setting by the program that reads it, of the class that says its default."""
    by_name: dict[str, dict[str, FieldInfo]] = {}
    for reader in READERS:
        for name, field in reader.settings.model_fields.items():
            by_name.setdefault(reader.prefix + name.upper(), {})[reader.program] = field
    return by_name


def default_of(name: str) -> str:
    """As the document writes it; where programs differ, the usual one comes first."""
    by_program = fields()[name]
    # The local stack passes its own on, and the gateway reads a service's port only if no address is set.
    others = ({"local stack"} if len(by_program) > 1 else set()) | (
        {"gateway"} if name.endswith("_PORT") and not name.startswith("GATEWAY") else set()
    )
    if name in {"IDENTITY_ADDRESS", "NOTIFICATIONS_ADDRESS"}:
        others.add("gateway")
    written = {program: text(field) for program, field in by_program.items() if program not in others}
    usual = max(written.values(), key=list(written.values()).count)
    exceptions = [f"{program}: {value}" for program, value in written.items() if value != usual]
    return "; ".join([usual, *exceptions])


def text(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "the number of cores"
    if field.default in {None, ()}:
        return "none"
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


@pytest.mark.parametrize("name", sorted(fields()))
def test_each_setting_has_a_row_that_is_true(name: str) -> None:
    row = rows().get(name)
    assert row is not None, f"add a row for {name} to docs/settings.md"
    assert row.readers == ", ".join(fields()[name])
    assert row.default == default_of(name)
    assert row.what.strip()


def test_no_row_is_of_a_setting_that_nothing_reads() -> None:
    compose_only = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text())) - set(fields())
    assert set(rows()) == set(fields()) | OTHERS | compose_only


def test_the_examples_and_what_compose_sets_are_in_the_document() -> None:
    examples = {
        name for file in EXAMPLES for name in re.findall(r"^#?([A-Z_]+)=", file.read_text(), re.MULTILINE)
    }
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    set_by_compose = {name for service in services for name in service.get("environment", {})}
    assert examples
    assert set_by_compose
    assert examples | set_by_compose <= set(rows())


def test_what_the_local_stack_passes_on_has_the_same_default_there() -> None:
    for name, field in LocalSettings.model_fields.items():
        given = default_of(name.upper()) if set(fields()[name.upper()]) != {"local stack"} else text(field)
        # It makes a secret or an address of its own where the program itself has no default.
        assert text(field) in {given, "none"} or given in {"required", "none"}, name
