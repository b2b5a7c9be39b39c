"""Who stops reading is cancelled; who reads, however slowly, is not."""

import threading

from services.activation.api.stalled_clients import cancelled_when_stalled
from tests.support.waiting import wait_until


def test_without_a_sign_of_progress_the_call_is_cancelled_once() -> None:
    cancelled = threading.Event()

    with cancelled_when_stalled(cancelled.set, seconds=0.05):
        wait_until(cancelled.is_set, seconds=5)


def test_signs_of_progress_keep_the_call() -> None:
    cancelled, pause = threading.Event(), threading.Event()

    with cancelled_when_stalled(cancelled.set, seconds=0.2) as progress:
        for _ in range(60):
            progress()
            pause.wait(0.01)

    assert not cancelled.is_set()


def test_nothing_is_left_after_the_block() -> None:
    before = threading.active_count()
    cancelled = threading.Event()

    with cancelled_when_stalled(cancelled.set, seconds=30):
        pass

    assert threading.active_count() == before
    assert not cancelled.is_set()
