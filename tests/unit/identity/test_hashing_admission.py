"""Hashing is admitted one at a time for each core, with a short line behind."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from services.identity.passwords.admission import HashingAdmission, HashingBusyError

AT_ONCE = 2
QUEUE = 3


class Gate:
    """Work that waits until it is let go, and knows how much of it ran at once."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.most = 0
        self._running = 0
        self._lock = threading.Lock()
        self.entered = threading.Semaphore(0)

    def work(self) -> str:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        self.entered.release()
        assert self.open.wait(10)
        with self._lock:
            self._running -= 1
        return "done"


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as pool:
        yield pool


def fill(admission: HashingAdmission, gate: Gate, callers: ThreadPoolExecutor) -> list["Future[str]"]:
    """Occupies every place; returns once the line is full."""
    waiting = [callers.submit(admission.run, gate.work) for _ in range(AT_ONCE + QUEUE)]
    for _ in range(AT_ONCE):
        assert gate.entered.acquire(timeout=10)
    while admission.free_places:
        assert not any(future.done() for future in waiting)
    return waiting


def test_beyond_the_line_it_is_busy_and_says_when_to_come_back(
    gate: Gate, callers: ThreadPoolExecutor
) -> None:
    admission = HashingAdmission(AT_ONCE, QUEUE, lambda: 10.0)
    waiting = fill(admission, gate, callers)
    with pytest.raises(HashingBusyError) as busy:
        admission.run(gate.work)
    assert busy.value.retry_after.total_seconds() >= 1
    gate.open.set()
    assert [future.result(10) for future in waiting] == ["done"] * (AT_ONCE + QUEUE)
    assert gate.most == AT_ONCE
    assert admission.run(lambda: "free again") == "free again"
    admission.close()


def test_a_caller_who_cannot_wait_gives_up_and_the_work_is_not_done(
    gate: Gate, callers: ThreadPoolExecutor
) -> None:
    patience = iter([10.0, 10.0, 0.05])
    admission = HashingAdmission(AT_ONCE, QUEUE, lambda: next(patience))
    running = [callers.submit(admission.run, gate.work) for _ in range(AT_ONCE)]
    for _ in running:
        assert gate.entered.acquire(timeout=10)
    was_done = threading.Event()
    with pytest.raises(HashingBusyError):
        admission.run(was_done.set)
    gate.open.set()
    assert [future.result(10) for future in running] == ["done", "done"]
    admission.close()
    assert not was_done.is_set()
    assert admission.free_places == AT_ONCE + QUEUE


def test_what_the_work_raises_reaches_the_caller_and_frees_the_place() -> None:
    admission = HashingAdmission(1, 0, lambda: 10.0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            admission.run(lambda: 1 // 0)
    admission.close()


def test_after_the_close_it_is_busy() -> None:
    admission = HashingAdmission(1, 1, lambda: 10.0)
    admission.close()
    with pytest.raises(HashingBusyError):
        admission.run(lambda: None)
