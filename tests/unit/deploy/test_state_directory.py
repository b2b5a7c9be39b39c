"""The state directory belongs to one running stack, and to one user."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.errors import LocalStackError
from deploy.local.state_directory import StateDirectory

HOLD = """
import sys, time
from pathlib import Path
from deploy.local.state_directory import StateDirectory
held = StateDirectory.open(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_it_and_its_folders_are_closed_to_others_even_if_it_was_open_before(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir(mode=0o755)
    state = StateDirectory.open(path)
    folders = [path, *(entry for entry in path.iterdir() if entry.is_dir())]
    assert len(folders) == 5
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    state.close()


def test_a_second_stack_is_turned_away_while_the_first_one_runs_and_let_in_after(tmp_path: Path) -> None:
    first = StateDirectory.open(tmp_path)
    with pytest.raises(LocalStackError, match="another local stack is running"):
        StateDirectory.open(tmp_path)
    first.close()
    StateDirectory.open(tmp_path).close()


def test_the_lock_of_a_killed_process_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LocalStackError):
            StateDirectory.open(tmp_path)
        holder.kill()
    StateDirectory.open(tmp_path).close()


def test_a_path_that_cannot_be_a_folder_is_a_bad_setting(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(LocalStackError, match="bad setting FASTMP_STATE_DIR"):
        StateDirectory.open(file)
    with pytest.raises(LocalStackError, match="bad setting FASTMP_STATE_DIR"):
        StateDirectory.open(file / "below")
