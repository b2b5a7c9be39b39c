"""The alert rules and the dashboard as they ship."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
RULES = FOLDER / "alerts.yaml"
RUNBOOK = FOLDER.parents[1] / "docs" / "operations" / "telemetry.md"


def alerts() -> dict[str, dict[str, Any]]:
    """The alert rules by name."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    return loaded


def panels() -> Iterator[dict[str, Any]]:
    """The panels that draw something."""
    return (panel for panel in dashboard()["panels"] if panel["type"] != "row")


def expressions() -> dict[str, str]:
    """Every PromQL expression by where it is."""
    found = {f"alert {name}": str(rule["expr"]) for name, rule in alerts().items()}
    for panel in panels():
        for target in panel["targets"]:
            found[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return found
