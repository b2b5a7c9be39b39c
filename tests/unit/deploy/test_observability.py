"""The alert rules, by promtool and against the guide, and the dashboard."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy import prometheus
from tests.support.observability import FOLDER, RULES, RUNBOOK, alerts, dashboard, expressions, panels
from tests.support.promql import metric_names

CASES = FOLDER / "alerts.test.yaml"
# Of the services' metrics in the guide's table.
DOCUMENTED = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def promtool() -> str:
    found = prometheus.find("promtool")
    if found is None:
        pytest.skip(prometheus.ADVICE)
    return found


def test_promtool_accepts_the_rules_and_the_configuration(promtool: str) -> None:
    for command in (("rules", str(RULES)), ("config", "--syntax-only", str(FOLDER / "prometheus.yaml"))):
        done = subprocess.run([promtool, "check", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_at_its_limit_and_not_below(promtool: str) -> None:
    done = subprocess.run(
        [promtool, "test", "rules", str(CASES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case() -> None:
    faults = yaml.safe_load(CASES.read_text())["tests"][1]
    samples = faults["promql_expr_test"][0]["exp_samples"]
    assert {re.findall(r'alertname="(\w+)"', one["labels"])[0] for one in samples} == set(alerts())


def test_each_alert_has_a_heading_in_the_guide_and_names_it() -> None:
    section = RUNBOOK.read_text().split("\n## Alerts\n")[1]
    assert re.findall(r"^### (\w+)$", section, re.MULTILINE) == list(alerts())
    page = RUNBOOK.relative_to(FOLDER.parents[1])
    for name, rule in alerts().items():
        assert rule["annotations"]["runbook"] == f"{page}#{name.lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]


def test_the_guide_has_each_metric_of_the_services_that_a_panel_or_an_alert_has() -> None:
    documented = set(DOCUMENTED.findall(RUNBOOK.read_text()))
    used = {name for one in expressions().values() for name in metric_names(one)}
    ours = {name for name in used if not name.startswith(("envoy_", "process_"))}
    assert {re.sub("_(count|sum|bucket)$", "", name) for name in ours} == documented


def test_the_panels_are_whole_and_apart() -> None:
    drawn = dashboard()["panels"]
    assert len({panel["id"] for panel in drawn}) == len(drawn)
    titles = [panel["title"] for panel in panels()]
    assert len(set(titles)) == len(titles)
    places = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        places.add((place["x"], place["y"]))
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    assert len(places) == len(titles)


def test_panels_that_the_guide_names_exist() -> None:
    section = RUNBOOK.read_text().split("\n## Alerts\n")[1]
    named = set(re.findall(r'"([A-Z][\w ,]+)"', re.sub(r"```.*?```", "", section, flags=re.DOTALL)))
    assert named
    assert named - {panel["title"] for panel in panels()} == set()


def test_without_apt_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(prometheus, "UNPACKED", tmp_path)
    assert prometheus.main() == 0
    assert capsys.readouterr().err == f"{prometheus.ADVICE}\n"


def test_a_program_of_the_path_goes_before_the_unpacked_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "UNPACKED", tmp_path / "unpacked")
    for folder in (tmp_path / "unpacked" / "usr" / "bin", tmp_path / "path"):
        folder.mkdir(parents=True)
        (folder / "promtool").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert prometheus.find("promtool") == str(tmp_path / "path" / "promtool")
    (tmp_path / "path" / "promtool").unlink()
    assert prometheus.find("promtool") == str(tmp_path / "unpacked" / "usr" / "bin" / "promtool")
