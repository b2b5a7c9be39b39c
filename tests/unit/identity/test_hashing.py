"""Turns to hash: as many at a time as there are cores, shared fairly between networks."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from services.identity.passwords.hashing import HashingBusyError, HashingTurns
from tests.support.waiting import wait_until

HOME = "203.0.113.7"
FLOOD = "198.51.100.9"
THIRD = "192.0.2.1"


class Hashing:
    """Callers that take turns on threads of their own, and end them when they are allowed to."""

    def __init__(self, turns: HashingTurns) -> None:
        self.turns = turns
        self.order: list[str] = []
        self.most = 0
        self._running = 0
        self._lock = threading.Lock()
        self._may_end = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor(100)

    def call(self, network: str) -> "Future[None]":
        return self._pool.submit(self._call, network)

    def queue(self, network: str, count: int) -> None:
        """Starts callers one after the other and returns when all of them wait."""
        for number in range(1, count + 1):
            self.call(network)
            wait_until(lambda number=number: self.turns.waiting(network) == number)  # type: ignore[misc]

    def end(self, count: int) -> None:
        """Lets so many turns end."""
        self._may_end.release(count)

    def close(self) -> None:
        self.end(1000)
        self._pool.shutdown()

    def _call(self, network: str) -> None:
        with self.turns.turn(network):
            with self._lock:
                self.order.append(network)
                self._running += 1
                self.most = max(self.most, self._running)
            assert self._may_end.acquire(timeout=20)
            with self._lock:
                self._running -= 1


@contextlib.contextmanager
def hashing(
    at_once: int = 1, queue: int = 100, queue_per_network: int = 8, timeout: float = 20.0
) -> Iterator[Hashing]:
    callers = Hashing(HashingTurns(at_once, queue, queue_per_network, lambda: timeout))
    try:
        yield callers
    finally:
        callers.close()


def test_networks_take_turns_however_many_callers_each_has() -> None:
    with hashing() as callers:
        callers.call(FLOOD)
        wait_until(lambda: callers.order == [FLOOD])
        callers.queue(FLOOD, 8)
        callers.queue(HOME, 2)
        callers.queue(THIRD, 1)
        callers.end(12)
        wait_until(lambda: len(callers.order) == 12)
    assert callers.order == [FLOOD, FLOOD, HOME, THIRD, FLOOD, HOME, *[FLOOD] * 6]


def test_no_more_turns_at_a_time_than_there_are() -> None:
    with hashing(at_once=2) as callers:
        for network in (HOME, FLOOD, THIRD):
            for _ in range(8):
                callers.call(network)
        callers.end(24)
        wait_until(lambda: len(callers.order) == 24)
    assert callers.most == 2


def test_a_full_network_is_refused_without_waiting_and_another_is_not() -> None:
    with hashing(queue_per_network=3) as callers:
        callers.call(FLOOD)
        wait_until(lambda: callers.order == [FLOOD])
        callers.queue(FLOOD, 3)
        with pytest.raises(HashingBusyError) as busy, callers.turns.turn(FLOOD):
            pass
        assert busy.value.retry_after.total_seconds() >= 1
        callers.queue(HOME, 1)
        callers.end(5)
        wait_until(lambda: len(callers.order) == 5)
        assert Counter(callers.order) == {FLOOD: 4, HOME: 1}


def test_the_whole_queue_is_bounded() -> None:
    with hashing(queue=3) as callers:
        callers.call(FLOOD)
        wait_until(lambda: callers.order == [FLOOD])
        callers.queue(FLOOD, 2)
        callers.queue(THIRD, 1)
        with pytest.raises(HashingBusyError), callers.turns.turn(THIRD):
            pass
        assert callers.turns.waiting(FLOOD) + callers.turns.waiting(THIRD) == 3


def test_few_networks_cannot_fill_the_whole_queue() -> None:
    with hashing(queue=4) as callers:
        callers.call(FLOOD)
        wait_until(lambda: callers.order == [FLOOD])
        callers.queue(THIRD, 1)
        callers.queue(FLOOD, 2)
        newest = callers.call(FLOOD)
        wait_until(lambda: callers.turns.waiting(FLOOD) == 3)
        callers.queue(HOME, 1)
        # The newest caller of the network with the most made room.
        assert isinstance(newest.exception(10), HashingBusyError)
        callers.end(5)
        wait_until(lambda: len(callers.order) == 5)
        assert Counter(callers.order) == {FLOOD: 3, THIRD: 1, HOME: 1}


def test_a_caller_whose_time_is_up_leaves_the_queue() -> None:
    with hashing(timeout=0.05) as callers:
        callers.call(FLOOD)
        wait_until(lambda: callers.order == [FLOOD])
        with pytest.raises(HashingBusyError), callers.turns.turn(HOME):
            pass
        assert callers.turns.waiting(HOME) == 0
    # The one turn was given back, to no caller that had left.
    with callers.turns.turn(HOME):
        pass


def test_the_metrics_count_those_who_wait_hash_and_are_refused() -> None:
    registry = CollectorRegistry()
    callers = Hashing(HashingTurns(1, 1, 1, lambda: 20.0, registry))
    value = registry.get_sample_value
    callers.call(FLOOD)
    wait_until(lambda: callers.order == [FLOOD])
    assert (value("hashing_in_progress"), value("hashing_queue_calls")) == (1, 0)
    callers.queue(HOME, 1)
    assert (value("hashing_in_progress"), value("hashing_queue_calls")) == (1, 1)
    with pytest.raises(HashingBusyError), callers.turns.turn(HOME):
        pass
    assert (value("hashing_refused_total"), value("hashing_wait_seconds_count")) == (1, 2)
    callers.end(2)
    callers.close()
    assert (value("hashing_in_progress"), value("hashing_queue_calls")) == (0, 0)
    assert (value("hashing_queue_limit"), value("hashing_limit")) == (1, 1)
    assert value("hashing_wait_seconds_count") == 3


def test_a_turn_that_fails_is_passed_on() -> None:
    turns = HashingTurns(1, 1, 1, lambda: 1.0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn(HOME):
            raise ZeroDivisionError


def test_after_the_close_callers_are_refused_those_that_wait_too() -> None:
    with hashing() as callers:
        callers.call(FLOOD)
        wait_until(lambda: callers.order == [FLOOD])
        waiting = callers.call(HOME)
        wait_until(lambda: callers.turns.waiting(HOME) == 1)
        callers.turns.close()
        assert isinstance(waiting.exception(10), HashingBusyError)
        with pytest.raises(HashingBusyError), callers.turns.turn(HOME):
            pass
