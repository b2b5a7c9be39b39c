"""Full logs are rotated under processes that go on writing to them."""

import sys
from functools import partial
from pathlib import Path

import pytest

from deploy.local import upkeep
from deploy.local.log_files import MOST_FILES, rotate_full_logs
from deploy.local.processes import Launcher, Program
from deploy.local.state_directory import StateDirectory
from tests.support.waiting import wait_until

LIMIT = 10_000
# Counts as fast as it can, a line each, through the descriptor that it was started with.
WRITER = "import itertools, os\nfor number in itertools.count(): os.write(1, b'%09d\\n' % number)"


def has_filled(log: Path) -> bool:
    return log.stat().st_size > LIMIT


def test_a_process_goes_on_writing_and_no_more_than_five_files_are_kept(tmp_path: Path) -> None:
    launcher, log = Launcher(), tmp_path / "writer.log"
    try:
        writer = launcher.start(Program("writer", (sys.executable, "-c", WRITER), {}, log))
        for _ in range(MOST_FILES + 1):
            wait_until(partial(has_filled, log), "the log is full again")
            rotate_full_logs(tmp_path, LIMIT)
        wait_until(partial(has_filled, log), "it still writes to the log")
        assert writer.exit_status is None
    finally:
        launcher.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [
        "writer.log",
        *(f"writer.log.{number}" for number in range(1, 5)),
    ]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    # From the oldest to the newest the lines are in order, none is twice, and none is torn but at the seams.
    numbers = [
        int(line) for file in files[:0:-1] for line in file.read_bytes().split(b"\n") if len(line) == 9
    ]
    assert len(numbers) > 4 * LIMIT / 10 - 10
    assert numbers == sorted(set(numbers))


def test_a_log_that_is_not_full_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "small.log").write_bytes(b"x" * LIMIT)
    rotate_full_logs(tmp_path, LIMIT)
    assert [file.name for file in tmp_path.iterdir()] == ["small.log"]


def test_upkeep_rotates_logs_renews_certificates_and_survives_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(upkeep, "LOG_SECONDS", 0.0)
    monkeypatch.setattr(upkeep, "CERTIFICATE_SECONDS", 0.0)
    state = StateDirectory.open(tmp_path / "state")
    try:
        large = state.logs / "large.log"
        with large.open("wb") as file:
            # Sparse: it only has the size.
            file.truncate(60_000_000)
        care = upkeep.Upkeep(state)
        care.run_if_due()
        assert large.stat().st_size == 0
        assert (state.certificates / "gateway.pem").exists()
        (state.logs / "dangling.log").symlink_to(tmp_path / "nowhere")
        care.run_if_due()
        assert capsys.readouterr().err.startswith(f"FastMP: upkeep of {state.path} failed: No such file")
    finally:
        state.close()
