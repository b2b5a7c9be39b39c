"""The unit for systemd, by systemd's own checks. tests/service/deploy/test_systemd_unit.py runs what it starts."""

from pathlib import Path

import pytest

from tests.support.systemd import ROOT, SYSUSERS, UNIT, Systemd, settings_of_the_unit, unit_of_this_checkout

# Tenths of "exposure": systemd calls a unit below 20 "OK", and one without any restriction has 96.
MOST_EXPOSURE = 20


@pytest.fixture(scope="module")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Systemd:
    found = Systemd.find(tmp_path_factory.mktemp("systemd"))
    if found is None:
        pytest.skip("needs systemd-analyze (Debian package systemd)")
    return found


def test_systemd_understands_every_line(systemd: Systemd, tmp_path: Path) -> None:
    ended = systemd.run("systemd-analyze", "verify", str(unit_of_this_checkout(tmp_path)))
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_misspelled_line_is_noticed(systemd: Systemd, tmp_path: Path) -> None:
    unit = unit_of_this_checkout(tmp_path)
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHom=yes"))
    assert "ProtectHom" in systemd.run("systemd-analyze", "verify", str(unit)).stderr


def test_little_of_the_machine_is_exposed_to_it(systemd: Systemd) -> None:
    threshold = f"--threshold={MOST_EXPOSURE}"
    ended = systemd.run("systemd-analyze", "security", "--no-pager", "--offline=true", threshold, str(UNIT))
    assert ended.returncode == 0, ended.stdout


def test_the_user_that_it_runs_as_is_made_by_sysusers(systemd: Systemd, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    ended = systemd.run("systemd-sysusers", f"--root={tmp_path}", str(SYSUSERS))
    assert ended.returncode == 0, ended.stderr
    (user,) = settings_of_the_unit("User")
    (line,) = [one for one in (tmp_path / "etc" / "passwd").read_text().splitlines() if one.startswith(user)]
    name, _, number, *_, home, shell = line.split(":")
    assert name == user
    assert 0 < int(number) < 1000
    assert home == "/var/lib/fastmp"
    assert shell.endswith("nologin")


def test_it_is_installed_where_the_guide_says() -> None:
    guide = (ROOT / "docs" / "operations" / "one-machine.md").read_text()
    for path in ("/opt/fastmp", "/var/lib/fastmp", "/run/fastmp", "/etc/fastmp/settings.env"):
        assert path in UNIT.read_text()
        assert path in guide


def test_the_call_that_setpriv_needs_is_allowed_after_the_privileged_ones_are_refused() -> None:
    """setpriv, which starts each process, fails without capset, which is a privileged call."""
    assert settings_of_the_unit("SystemCallFilter") == ["@system-service", "~@privileged", "capset"]
