"""What `make backup` and `make restore` refuse, each with one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import backup, restore
from deploy.local.errors import LocalStackError
from deploy.local.settings import LocalSettings
from services.chassis.clock import utc_now


@pytest.mark.parametrize(
    ("command", "arguments", "status", "said"),
    [
        (backup.main, ("backups",), 1, "holds no stack"),
        (backup.main, ("one", "two"), 2, "usage: make backup"),
        (restore.main, (), 2, "usage: make restore"),
        (restore.main, ("", ""), 2, "usage: make restore"),
        (restore.main, ("other.tar", "no"), 2, "usage: make restore"),
        (restore.main, ("other.tar", ""), 1, "is not a backup"),
        (restore.main, ("missing.tar",), 1, "is not a file"),
    ],
)
def test_one_line_says_why_not(
    command: Callable[[], int],
    arguments: tuple[str, ...],
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTMP_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr("sys.argv", ["command", *arguments])
    Path("other.tar").write_text("no archive")
    assert command() == status
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert said in error
    assert {one.name for one in tmp_path.rglob("*") if one.is_file()} <= {"other.tar", "lock"}


def test_a_folder_that_others_can_read_gets_no_backup(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(LocalStackError, match="chmod 700"):
        backup.back_up(LocalSettings.side_by_side(tmp_path / "state"), tmp_path, utc_now())


def test_a_state_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "secrets.json").write_text("{}")
    settings = LocalSettings.side_by_side(state)
    with pytest.raises(LocalStackError, match="REPLACE=yes"):
        restore.restore(settings, tmp_path / "one.tar", utc_now(), replaces=False)
    assert (state / "secrets.json").read_text() == "{}"
