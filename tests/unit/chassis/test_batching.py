"""Batches: alone without company, together with it; each gets its own outcome, and nobody is left waiting."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from services.chassis.batching import Batching, TurnNotReachedError
from tests.support.waiting import wait_until

LARGEST = 8
PATIENCE = 20.0


@dataclass
class Work:
    """Gives each wish times ten, and can be held up."""

    batches: list[list[int]] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    failing: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.open.set()

    def __call__(self, wishes: Sequence[int]) -> list[int]:
        self.batches.append(list(wishes))
        self.started.release()
        assert self.open.wait(PATIENCE)
        if self.failing & set(wishes):
            raise ZeroDivisionError
        return [wish * 10 for wish in wishes]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def batching(work: Work) -> Batching[int, int]:
    return Batching(work, LARGEST)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


Ask = Callable[[int], "Future[int]"]


@pytest.fixture
def ask(pool: ThreadPoolExecutor, batching: Batching[int, int]) -> Ask:
    """Wishes for a number from another thread."""
    return lambda wish: pool.submit(batching.do, wish, PATIENCE)


def held_up(work: Work, ask: Ask, behind: Sequence[int], batching: Batching[int, int]) -> list["Future[int]"]:
    """Wish 0 under way and the others waiting behind it."""
    work.open.clear()
    first = ask(0)
    assert work.started.acquire(timeout=PATIENCE)
    others = [ask(wish) for wish in behind]
    wait_until(lambda: len(batching._waiting) == len(behind))
    return [first, *others]


def test_who_is_alone_is_served_at_once_in_its_own_thread() -> None:
    threads = []

    def work(wishes: Sequence[int]) -> Sequence[int]:
        threads.append(threading.current_thread())
        return wishes

    batching = Batching(work, LARGEST)
    assert [batching.do(wish, 0.0) for wish in range(3)] == [0, 1, 2]
    assert threads == [threading.current_thread()] * 3


def test_those_who_come_meanwhile_are_the_next_batch_and_each_gets_its_own(
    work: Work, ask: Ask, batching: Batching[int, int]
) -> None:
    asked = held_up(work, ask, range(1, 6), batching)
    work.open.set()
    assert [one.result(PATIENCE) for one in asked] == [0, 10, 20, 30, 40, 50]
    assert [len(batch) for batch in work.batches] == [1, 5]


def test_a_batch_is_never_larger_than_it_may_be(work: Work, ask: Ask, batching: Batching[int, int]) -> None:
    asked = held_up(work, ask, range(1, 21), batching)
    work.open.set()
    assert [one.result(PATIENCE) for one in asked] == [wish * 10 for wish in range(21)]
    assert [len(batch) for batch in work.batches] == [1, 8, 8, 4]


def test_what_fails_fails_for_all_in_the_batch_and_for_no_other(
    work: Work, ask: Ask, batching: Batching[int, int]
) -> None:
    asked = held_up(work, ask, range(1, 11), batching)
    work.failing = {work.batches[0][0] + 1}
    work.open.set()
    failed = [isinstance(one.exception(PATIENCE), ZeroDivisionError) for one in asked]
    [struck] = [batch for batch in work.batches if 1 in batch]
    assert [wish for wish, is_failed in enumerate(failed) if is_failed] == sorted(struck)
    assert batching.do(77, PATIENCE) == 770


def test_work_that_forgets_somebody_is_a_fault_for_all_and_hangs_nobody() -> None:
    batching: Batching[int, int] = Batching(lambda wishes: wishes[1:], LARGEST)
    with pytest.raises(ValueError, match="zip"):
        batching.do(1, PATIENCE)
    with pytest.raises(ValueError, match="zip"):
        batching.do(2, PATIENCE)


def test_who_cannot_wait_any_longer_is_told_and_left_out(
    work: Work, ask: Ask, batching: Batching[int, int]
) -> None:
    asked = held_up(work, ask, [1], batching)
    with pytest.raises(TurnNotReachedError):
        batching.do(2, 0.05)
    work.open.set()
    assert [one.result(PATIENCE) for one in asked] == [0, 10]
    assert sorted(wish for batch in work.batches for wish in batch) == [0, 1]


def test_in_a_crowd_without_patience_each_wish_is_done_once_or_never(pool: ThreadPoolExecutor) -> None:
    done: list[int] = []

    def work(wishes: Sequence[int]) -> Sequence[int]:
        threading.Event().wait(0.001)
        done.extend(wishes)
        return wishes

    batching = Batching(work, LARGEST)
    chance = random.Random(7)

    def wish(number: int, patience: float) -> int | None:
        try:
            return batching.do(number, patience)
        except TurnNotReachedError:
            return None

    patience = [chance.choice([0.0, 0.001, 0.003, PATIENCE]) for _ in range(2000)]
    outcomes = list(pool.map(wish, range(len(patience)), patience))
    assert sorted(done) == [one for one in outcomes if one is not None]
    assert all(outcomes[number] == number for number, one in enumerate(patience) if one == PATIENCE)
