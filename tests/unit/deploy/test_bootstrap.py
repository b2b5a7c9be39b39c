"""When the virtual environment is set up again, and when not. A fresh clone's `make` proves the installing."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
PYPROJECT = (ROOT / "pyproject.toml").read_text()


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, with its commands recorded: what they do needs a package index."""
    specification = importlib.util.spec_from_file_location("bootstrap", ROOT / "deploy" / "bootstrap.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    commands: list[list[str]] = []

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        if "venv" in command:
            packages = Path(command[-1]) / "lib" / "python3.11" / "site-packages"
            packages.mkdir(parents=True, exist_ok=True)
            (Path(command[-1]) / "bin").mkdir(exist_ok=True)
            (Path(command[-1]) / "bin" / "python").touch()
        return subprocess.CompletedProcess(command, 0, stdout="")

    monkeypatch.setattr(module, "commands", commands, raising=False)
    monkeypatch.setattr(module, "run", run)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "bootstrap.py", tmp_path / "deploy")
    return tmp_path


def installs(bootstrap: ModuleType, checkout: Path, layer: str) -> str:
    """What a run installed, as one line; empty when it did nothing."""
    bootstrap.commands.clear()
    bootstrap.bootstrap(checkout, layer)
    return " ".join(part for command in bootstrap.commands for part in command)


def test_a_second_run_does_nothing(bootstrap: ModuleType, checkout: Path) -> None:
    assert "services.txt" in installs(bootstrap, checkout, "runtime")
    assert installs(bootstrap, checkout, "runtime") == ""


def test_the_runtime_needs_no_development_packages(bootstrap: ModuleType, checkout: Path) -> None:
    assert "dev.txt" not in installs(bootstrap, checkout, "runtime")
    assert "dev.txt" in installs(bootstrap, checkout, "development")


def test_the_wider_layer_serves_the_narrower_one_too(bootstrap: ModuleType, checkout: Path) -> None:
    installs(bootstrap, checkout, "development")
    assert installs(bootstrap, checkout, "runtime") == ""
    (checkout / "requirements" / "dev.txt").write_text("changed")
    assert "dev.txt" in installs(bootstrap, checkout, "runtime")


@pytest.mark.parametrize("file", ["requirements/services.txt", "pyproject.toml", "deploy/bootstrap.py"])
def test_a_changed_file_counts_and_a_newer_time_does_not(
    bootstrap: ModuleType, checkout: Path, file: str
) -> None:
    installs(bootstrap, checkout, "runtime")
    (checkout / file).touch()
    assert installs(bootstrap, checkout, "runtime") == ""
    (checkout / file).write_bytes((checkout / file).read_bytes() + b"\n")
    assert "services.txt" in installs(bootstrap, checkout, "runtime")


def test_an_interrupted_run_is_done_again(
    bootstrap: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installs(bootstrap, checkout, "runtime")
    (checkout / "requirements" / "local.txt").write_text("changed")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(bootstrap, "install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bootstrap.bootstrap(checkout, "runtime")
    assert "services.txt" in installs(bootstrap, checkout, "runtime")


@pytest.mark.parametrize("stamp", ["", "not json", "[]"])
def test_a_damaged_stamp_counts_as_none(bootstrap: ModuleType, checkout: Path, stamp: str) -> None:
    installs(bootstrap, checkout, "runtime")
    (checkout / ".venv" / bootstrap.STAMP).write_text(stamp)
    assert "services.txt" in installs(bootstrap, checkout, "runtime")


def test_a_lost_environment_is_made_again(bootstrap: ModuleType, checkout: Path) -> None:
    installs(bootstrap, checkout, "runtime")
    shutil.rmtree(checkout / ".venv")
    assert "-m venv" in installs(bootstrap, checkout, "runtime")


def test_the_checkout_and_the_generated_code_can_be_imported(bootstrap: ModuleType, checkout: Path) -> None:
    installs(bootstrap, checkout, "runtime")
    (path_file,) = (checkout / ".venv").rglob("fastmp.pth")
    folders = [checkout, checkout / "gen", checkout / "client"]
    assert path_file.read_text().splitlines() == [str(folder) for folder in folders]
    (distribution,) = importlib.metadata.distributions(path=[str(path_file.parent)])
    assert (distribution.name, distribution.version) == (
        "fastmp",
        tomllib.loads(PYPROJECT)["project"]["version"],
    )
    assert all((path_file.parent / str(file)).exists() for file in distribution.files or [])


def test_the_command_line_is_a_program(bootstrap: ModuleType, checkout: Path) -> None:
    installs(bootstrap, checkout, "runtime")
    python = checkout / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    python.chmod(0o755)
    called = subprocess.run(
        [checkout / ".venv" / "bin" / "fastmp", "a b", "c"], capture_output=True, text=True, check=True
    )
    assert called.stdout == "-m|fastmp.cli|a b|c|"


def test_a_python_that_cannot_make_environments_is_one_clear_line(
    bootstrap: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, stdout="ensurepip is not available.\nMore follows.")

    monkeypatch.setattr(bootstrap, "run", failing)
    with pytest.raises(bootstrap.BootstrapError, match=r"apt install python3-venv.*ensurepip") as failure:
        bootstrap.bootstrap(checkout, "runtime")
    assert "\n" not in str(failure.value)


def test_an_older_python_is_one_clear_line(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 10, 13))
    assert bootstrap.main() == 1
    error = capsys.readouterr().err
    assert "needs Python 3.11 or newer" in error
    assert error.count("\n") == 1


def test_a_python_without_fcntl_is_told_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    # As on Windows: the module cannot be found.
    program = (
        "import importlib.util, runpy, sys; find = importlib.util.find_spec;"
        "importlib.util.find_spec = lambda name, *more: None if name == 'fcntl' else find(name, *more);"
        f"sys.argv = ['bootstrap.py', 'runtime'];"
        f"runpy.run_path({str(ROOT / 'deploy' / 'bootstrap.py')!r}, run_name='__main__')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "fcntl" in ended.stderr
    assert "WSL2" in ended.stderr
    assert "Traceback" not in ended.stderr
