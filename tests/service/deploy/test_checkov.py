"""Checkov finds nothing in the Kubernetes manifests but what they argue for beside it (`checkov.io/skip…`)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.deploy.test_kubernetes import OVERLAYS

ROOT = Path(__file__).parents[3]
KUBECTL = Path(sys.executable).with_name("kubectl")


@pytest.fixture(scope="module")
def checkov(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own, since it needs older versions of what the product uses."""
    folder = tmp_path_factory.mktemp("checkov")
    requirements = ROOT / "requirements" / "checkov.txt"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(requirements)]
    subprocess.run([str(folder / "bin" / "python"), *install], check=True, capture_output=True)
    return folder / "bin" / "checkov"


@pytest.mark.long
@pytest.mark.timeout(400)
def test_no_check_fails_without_an_argument(checkov: Path, tmp_path: Path) -> None:
    for overlay in OVERLAYS:
        folder = ROOT / "deploy" / "kubernetes" / "overlays" / overlay
        made = subprocess.run([KUBECTL, "kustomize", str(folder)], capture_output=True, check=True)
        (tmp_path / f"{overlay}.yaml").write_bytes(made.stdout)
    command = [
        str(checkov),
        "--framework",
        "kubernetes",
        "--skip-download",
        "-o",
        "json",
        "-d",
        str(tmp_path),
    ]
    found = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    failed = [(one["check_id"], one["resource"]) for one in found["results"]["failed_checks"]]
    assert failed == []
    skipped = {one["check_id"] for one in found["results"]["skipped_checks"]}
    assert skipped == {"CKV_K8S_35", "CKV_K8S_43"}
    assert found["summary"]["passed"] > 1000
