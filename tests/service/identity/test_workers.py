"""Hashing in processes of its own: the same answers whatever becomes of one, and none of the secrets in it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from services.identity.passwords.hashes import ROUNDS, UnusableHashError, hash_password
from services.identity.passwords.worker_main import NICENESS
from services.identity.passwords.workers import HashingProcesses
from tests.support.waiting import wait_until

SALT = b"0123456789abcdef"
CHEAP = 1000
# What Identity alone may know.
SECRET = "a secret of the service"


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[HashingProcesses]:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    processes = HashingProcesses()
    yield processes
    processes.close()
    assert not running()


def running() -> list[psutil.Process]:
    """The hashing processes of this one."""
    return [child for child in psutil.Process().children() if is_hashing(child)]


def is_hashing(process: psutil.Process) -> bool:
    try:
        return "services.identity.passwords.worker_main" in process.cmdline()
    except psutil.Error:
        return False


def test_it_hashes_and_compares_as_the_functions_do(processes: HashingProcesses) -> None:
    stored = processes.hash("correct horse 电池", SALT, CHEAP)

    assert stored == hash_password("correct horse 电池", SALT, CHEAP)
    assert processes.verify("correct horse 电池", stored)
    assert not processes.verify("correct horse", stored)
    with pytest.raises(UnusableHashError, match="unknown form"):
        processes.verify("correct horse", "nonsense")
    assert processes.verify("correct horse 电池", stored)
    assert len(running()) == 1


def test_a_process_takes_one_question_at_a_time_and_there_are_as_many_as_ask(
    processes: HashingProcesses,
) -> None:
    stored = [hash_password(f"password {number}", SALT, CHEAP) for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        asked = pool.map(
            lambda number: processes.verify(f"password {number // 2}", stored[number]), range(40)
        )
        assert [number for number, is_right in enumerate(asked) if is_right] == [0]
    assert 1 <= len(running()) <= 4


def test_it_gives_way_and_knows_no_secret(processes: HashingProcesses) -> None:
    processes.hash("a password", SALT, CHEAP)
    [child] = running()

    assert child.nice() == NICENESS
    assert os.getsid(child.pid) == child.pid
    assert SECRET not in child.environ().values()
    assert "a password" not in " ".join(child.cmdline())


def test_one_that_was_killed_while_it_was_idle_is_replaced(processes: HashingProcesses) -> None:
    stored = processes.hash("a password", SALT, CHEAP)
    [child] = running()
    child.kill()
    wait_until(lambda: child.status() == psutil.STATUS_ZOMBIE)

    assert processes.verify("a password", stored)
    assert child.pid not in {one.pid for one in running()}


def test_one_that_is_killed_while_it_hashes_is_replaced_and_asked_again(processes: HashingProcesses) -> None:
    with ThreadPoolExecutor(1) as pool:
        processes.hash("warm", SALT, CHEAP)
        [child] = running()
        hashing = pool.submit(processes.hash, "a password", SALT, 4 * ROUNDS)
        wait_until(lambda: child.status() == psutil.STATUS_RUNNING)
        child.kill()
        assert hashing.result(60) == hash_password("a password", SALT, 4 * ROUNDS)


def test_closed_ones_end_and_leave_nothing(processes: HashingProcesses) -> None:
    processes.hash("a password", SALT, CHEAP)
    [child] = running()
    processes.close()
    assert not child.is_running()


def test_they_end_when_the_service_is_killed() -> None:
    program = (
        "from services.identity.passwords.workers import HashingProcesses; import sys; "
        f"HashingProcesses().hash('x', {SALT!r}, {CHEAP}); print('ready', flush=True); sys.stdin.read()"
    )
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        [child] = [one for one in psutil.Process(service.pid).children() if is_hashing(one)]
        service.send_signal(signal.SIGKILL)
        wait_until(lambda: not child.is_running())
