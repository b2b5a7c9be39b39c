"""Threads come as they are needed, end when they are not, and no work is lost in between."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait

import pytest

from services.chassis.grpc_server.thread_pool import ElasticThreadPool
from tests.support.waiting import wait_until

NAME = "elastic"


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith(NAME)}


@pytest.fixture
def pool() -> Iterator[ElasticThreadPool]:
    pool = ElasticThreadPool(8, NAME, idle_seconds=0.2)
    yield pool
    pool.shutdown()
    wait_until(lambda: not threads(), "every thread has ended")


def test_results_and_errors_reach_who_asked(pool: ElasticThreadPool) -> None:
    assert pool.submit(lambda a, b: a + b, 2, b=3).result(5) == 5
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(5)


def test_work_beyond_the_threads_waits_for_one(pool: ElasticThreadPool) -> None:
    release, running = threading.Event(), threading.Semaphore(0)

    def block() -> None:
        running.release()
        release.wait(10)

    blocked = [pool.submit(block) for _ in range(8)]
    for _ in blocked:
        assert running.acquire(timeout=5)
    late = pool.submit(lambda: "late")
    assert len(threads()) == 8
    assert not late.done()
    release.set()
    assert late.result(5) == "late"
    wait(blocked, 5)


def test_threads_that_nobody_needs_end(pool: ElasticThreadPool) -> None:
    together = threading.Barrier(8)
    wait([pool.submit(together.wait, 5) for _ in range(8)], 5)
    wait_until(lambda: not threads(), "the idle threads have ended", 5)
    assert pool.submit(lambda: "again").result(5) == "again"


def test_a_steady_load_keeps_only_the_threads_that_it_needs(pool: ElasticThreadPool) -> None:
    together = threading.Barrier(8)
    wait([pool.submit(together.wait, 5) for _ in range(8)], 5)
    deadline = time.monotonic() + 5
    # One call after the other, faster than a thread becomes idle for long.
    while len(threads()) > 1 and time.monotonic() < deadline:
        pool.submit(lambda: None).result(5)
    assert len(threads()) == 1


def test_no_work_is_lost_while_threads_end(pool: ElasticThreadPool) -> None:
    hasty = ElasticThreadPool(4, NAME, idle_seconds=0.0005)
    done = [hasty.submit(lambda number=number: number) for number in range(20_000) if not _pause(number)]
    assert sorted(future.result(5) for future in done) == list(range(20_000))
    hasty.shutdown()


def _pause(number: int) -> bool:
    """Now and then long enough that threads are just about to end."""
    if number % 200 == 0:
        time.sleep(0.0005)
    return False


def test_what_waits_at_a_shutdown_is_still_done_and_nothing_more() -> None:
    pool = ElasticThreadPool(1, NAME)
    release = threading.Event()
    first, second = pool.submit(release.wait, 5), pool.submit(lambda: "second")
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(lambda: None)
    release.set()
    assert first.result(5)
    assert second.result(5) == "second"
    wait_until(lambda: not threads(), "the thread has ended")
