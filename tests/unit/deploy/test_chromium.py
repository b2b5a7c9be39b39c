"""Which browser the console's tests drive."""

from pathlib import Path

import pytest

from deploy import chromium


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(chromium.VARIABLE, raising=False)
    return tmp_path


def program(path: Path) -> str:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_setting_goes_before_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chromium.find() is None
    found = program(folder / "chromium-browser")
    assert chromium.find() == found
    named = program(folder / "another")
    monkeypatch.setenv(chromium.VARIABLE, named)
    assert chromium.find() == named


def test_without_a_browser_and_a_way_to_install_one_it_says_what_to_install(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # No apt-get on this PATH.
    assert chromium.main() == 0
    assert capsys.readouterr().err == f"{chromium.ADVICE}\n"


def test_it_installs_the_packages_with_apt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    called = folder / "called"
    apt = folder / "apt-get"
    program(apt)
    apt.write_text(f'#!/bin/sh\necho "$@" >> {called}\n')
    assert chromium.main() == 0
    update, install = called.read_text().splitlines()
    assert update.endswith(" update")
    assert install.endswith(f" install -y --no-install-recommends {' '.join(chromium.PACKAGES)}")
    assert capsys.readouterr().err == ""
