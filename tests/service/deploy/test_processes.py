"""Child processes: their logs, their end, and that none of them outlives its parent."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from deploy.local.errors import LocalStackError
from deploy.local.processes import Launcher, Program, RunningProgram
from tests.support.waiting import wait_until

READY = "print('up', flush=True)"
SLEEP = f"import time; {READY}; time.sleep(600)"
STUBBORN = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {READY}; time.sleep(600)"
POLITE = f"""
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('finished its work', flush=True)))
{READY}
time.sleep(600)
"""
FAMILY = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
print(child.pid, flush=True)
{STUBBORN}
"""


def python(tmp_path: Path, code: str, name: str = "program", **changes: object) -> Program:
    parts: dict[str, object] = {
        "name": name,
        "command": (sys.executable, "-c", code),
        "environment": dict(os.environ),
        "log": tmp_path / f"{name}.log",
        **changes,
    }
    return Program(**parts)  # type: ignore[arg-type]


def started(launcher: Launcher, program: Program) -> RunningProgram:
    running = launcher.start(program)
    wait_until(partial(is_up, program.log), "the program says that it is up")
    return running


def is_up(log: Path | None) -> bool:
    return log is not None and log.exists() and "up\n" in log.read_text()


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


def test_a_stopped_program_may_finish_its_work(launcher: Launcher, tmp_path: Path) -> None:
    running = started(launcher, python(tmp_path, POLITE))
    running.stop()
    assert running.exit_status == 0
    assert "finished its work" in running.log_tail()


def test_a_program_that_ignores_the_signal_is_killed_with_its_children(
    launcher: Launcher, tmp_path: Path
) -> None:
    running = started(launcher, python(tmp_path, FAMILY, stop_timeout_seconds=0.2))
    child = int(running.log_tail().splitlines()[0])
    running.stop()
    assert running.exit_status == -signal.SIGKILL
    wait_until(lambda: gone(child), "the child of the killed program is gone")


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_stopping_or_killing_a_dead_program_does_nothing(launcher: Launcher, tmp_path: Path) -> None:
    running = launcher.start(python(tmp_path, "raise SystemExit(3)"))
    assert running.wait() == 3
    running.stop()
    running.kill()
    assert running.exit_status == 3


def test_a_death_notice_names_the_program_its_end_and_its_last_lines(
    launcher: Launcher, tmp_path: Path
) -> None:
    code = "[print(f'line {number}') for number in range(1000)]; raise SystemExit(3)"
    running = launcher.start(python(tmp_path, code, name="identity"))
    running.wait()
    first, *rest = running.death_notice().splitlines()
    assert first.startswith("identity has ended (exit code 3)")
    assert str(tmp_path / "identity.log") in first
    assert rest == [f"line {number}" for number in range(985, 1000)]


def test_the_notice_of_a_killed_program_names_the_signal(launcher: Launcher, tmp_path: Path) -> None:
    running = started(launcher, python(tmp_path, SLEEP))
    running.kill()
    assert "has ended (SIGKILL)" in running.death_notice()


def test_a_refused_setting_is_all_that_the_notice_says(launcher: Launcher, tmp_path: Path) -> None:
    code = "import sys; print('noise'); sys.stderr.write('bad setting JWT_SECRET: too short\\n'); sys.exit(2)"
    running = launcher.start(python(tmp_path, code))
    running.wait()
    assert running.death_notice() == "bad setting JWT_SECRET: too short"


def test_a_failed_run_raises_its_notice(launcher: Launcher, tmp_path: Path) -> None:
    launcher.run(python(tmp_path, "print('fine')"))
    with pytest.raises(LocalStackError, match="migrate has ended"):
        launcher.run(python(tmp_path, "raise SystemExit(1)", name="migrate"))


def test_a_missing_executable_is_an_error_that_names_the_program(launcher: Launcher, tmp_path: Path) -> None:
    running = launcher.start(python(tmp_path, "", name="envoy", command=("/nowhere/envoy",)))
    assert running.wait() != 0
    assert "envoy has ended" in running.death_notice()


def test_the_logs_of_the_four_runs_before_are_kept_beside_the_new_one(
    launcher: Launcher, tmp_path: Path
) -> None:
    for number in range(6):
        launcher.run(python(tmp_path, f"print({number})"))
    logs = sorted(tmp_path.glob("program.log*"))
    assert [log.read_text() for log in logs] == ["5\n", "4\n", "3\n", "2\n", "1\n"]
    assert (tmp_path / "program.log").stat().st_mode & 0o777 == 0o600


WITHOUT_LOG = """
import sys
from deploy.local.processes import Launcher
from pathlib import Path
from tests.service.deploy.test_processes import python
launcher = Launcher()
program = python(Path(), "print('to the parent'); raise SystemExit(3)", log=None)
running = launcher.start(program)
running.wait()
print(running.death_notice())
"""


def test_a_program_without_a_log_writes_to_its_parents_standard_error() -> None:
    ended = subprocess.run([sys.executable, "-c", WITHOUT_LOG], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("program has ended (exit code 3)\n", "to the parent\n")


def test_a_program_survives_the_thread_that_asked_for_it(launcher: Launcher, tmp_path: Path) -> None:
    found: list[RunningProgram] = []
    asking = threading.Thread(target=lambda: found.append(started(launcher, python(tmp_path, SLEEP))))
    asking.start()
    asking.join()
    # The kernel's signal at the end of a parent thread arrives at once; a process that answers is past it.
    os.kill(found[0].pid, 0)
    launcher.run(python(tmp_path, "pass", name="later"))
    assert found[0].exit_status is None


def test_a_closed_launcher_has_stopped_everything_and_starts_nothing(tmp_path: Path) -> None:
    launcher = Launcher()
    running = [started(launcher, python(tmp_path, SLEEP, name=name)) for name in ("one", "two")]
    launcher.close()
    assert [one.exit_status for one in running] == [-signal.SIGTERM, -signal.SIGTERM]
    with pytest.raises(LocalStackError, match="the stack is stopping"):
        launcher.start(python(tmp_path, SLEEP, name="three"))
    assert not (tmp_path / "three.log").exists()
    launcher.close()


PARENT = """
import signal, sys, time
from pathlib import Path
from deploy.local.processes import Launcher, Program
from tests.service.deploy.test_processes import POLITE, SLEEP, python
launcher = Launcher()
directory = Path(sys.argv[1])
for name, code, number in (("killed", SLEEP, signal.SIGKILL), ("asked", POLITE, signal.SIGTERM)):
    program = python(directory, code, name=name, orphan_signal=number)
    print(launcher.start(program).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's parent death signal")
def test_nothing_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        for name in ("killed", "asked"):
            wait_until(partial(is_up, tmp_path / f"{name}.log"), f"the child that is to be {name} is up")
        parent.kill()
    for child in children:
        wait_until(partial(gone, child), "no child outlives its parent")
    assert "finished its work" in (tmp_path / "asked.log").read_text()
