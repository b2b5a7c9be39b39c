"""A lane that stops waits for the work in progress, for all of its threads together no longer than it may."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from services.wechat_cookie.logins.rules.state import LoginState
from services.wechat_cookie.logins.work.lane import Lane
from tests.support.waiting import wait_until
from tests.unit.wechat_cookie.logins.states import NOW, begun

LOGINS = [replace(begun(), id=digit * 32) for digit in "01"]


def busy_lane(do: Callable[[LoginState], None]) -> Lane:
    """A lane whose two threads have begun to `do` one login each."""
    due, started = list(LOGINS), threading.Semaphore(0)

    def begin(login: LoginState) -> None:
        started.release()
        do(login)

    lane = Lane(
        "test",
        claim=lambda most, _: [due.pop() for _ in range(min(most, len(due)))],
        next_due=lambda: NOW if due else None,
        key=lambda login: login.id,
        do=begin,
        threads=len(LOGINS),
        tick_seconds=0.01,
        now=lambda: NOW,
    )
    lane.start()
    for _ in LOGINS:
        assert started.acquire(timeout=20)
    return lane


def test_work_in_progress_is_finished_before_a_lane_has_stopped() -> None:
    done: list[str] = []
    goes_on = threading.Event()

    def work(login: LoginState) -> None:
        goes_on.wait(20)
        done.append(login.id)

    lane = busy_lane(work)
    stopping = threading.Thread(target=lane.stop, args=(20,))
    stopping.start()
    stopping.join(0.2)
    still_waiting = stopping.is_alive()
    goes_on.set()
    stopping.join(20)
    assert still_waiting
    assert sorted(done) == sorted(login.id for login in LOGINS)


def test_work_that_takes_too_long_is_abandoned() -> None:
    released = threading.Event()
    lane = busy_lane(lambda _: wait_until(released.is_set))
    begun_at = time.monotonic()
    lane.stop(0.5)
    took = time.monotonic() - begun_at
    released.set()
    assert 0.5 <= took < 10
