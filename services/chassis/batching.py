"""Does together what is asked for at the same time, because a batch costs little more than one wish does.

A wish that finds nothing under way is done at once and alone, and whatever comes meanwhile is the next batch. Only
when wishes came together just now does a batch wait a moment for more. So batches grow with the load, and without
it there are none and nobody waits.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Wish = TypeVar("Wish")
Outcome = TypeVar("Outcome")

# For how long a batch waits for more while there is a crowd, and for how long after one there is thought to be one.
GATHERING_SECONDS = 0.002
CROWDED_SECONDS = 0.3


class TurnNotReachedError(Exception):
    """The batch before took longer than the caller could wait. Nothing was done."""


@dataclass(eq=False, slots=True)
class _Place(Generic[Wish, Outcome]):
    wish: Wish
    # Released when the outcome is there, or when the place is to lead the next batch.
    turn: threading.Lock = field(default_factory=threading.Lock)
    leads: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    error: BaseException | None = None


class Batching(Generic[Wish, Outcome]):
    """Runs `work` for one batch at a time, in the thread of one of those who wait for it. Thread-safe.

    `work` takes from 1 to `largest` wishes and gives an outcome for each, in their order. What it raises, everybody
    in the batch raises. It runs in the context of the call that leads the batch, so what a wish needs of its own
    call is part of the wish. It should not wait for what concerns one wish alone: all others would, too.
    """

    def __init__(self, work: Callable[[Sequence[Wish]], Sequence[Outcome]], largest: int) -> None:
        self._work = work
        self._largest = largest
        self._lock = threading.Lock()
        self._is_busy = False
        self._waiting: deque[_Place[Wish, Outcome]] = deque()
        # Until when whoever comes is likely not to be the only one.
        self._crowded_until = 0.0

    def do(self, wish: Wish, patience: float) -> Outcome:
        """The outcome for `wish`. Raises what `work` raises, or TurnNotReachedError after `patience` seconds."""
        place: _Place[Wish, Outcome] = _Place(wish)
        with self._lock:
            if self._is_busy:
                place.turn.acquire()
                self._waiting.append(place)
            else:
                self._is_busy = place.leads = True
        if not place.leads:
            self._wait(place, patience)
        if place.leads:
            self._lead(place)
        if place.error is not None:
            raise place.error
        return place.outcomes[0]

    def _wait(self, place: _Place[Wish, Outcome], patience: float) -> None:
        if place.turn.acquire(timeout=max(0.0, patience)):
            return
        with self._lock:
            if place in self._waiting:
                self._waiting.remove(place)
                raise TurnNotReachedError
        # It is in a batch already, which ends as soon as its work does, or leads one.
        place.turn.acquire()

    def _lead(self, place: _Place[Wish, Outcome]) -> None:
        if time.monotonic() < self._crowded_until:
            time.sleep(GATHERING_SECONDS)
        with self._lock:
            others = min(self._largest - 1, len(self._waiting))
            batch = [place, *(self._waiting.popleft() for _ in range(others))]
        try:
            outcomes = self._work([one.wish for one in batch])
            for one, outcome in zip(batch, outcomes, strict=True):
                one.outcomes.append(outcome)
        except BaseException as error:  # noqa: BLE001 - Whatever it is, all who wait must learn of it.
            for one in batch:
                one.error = error
        finally:
            self._hand_over(is_crowded=len(batch) > 1)
        for one in batch[1:]:
            one.turn.release()

    def _hand_over(self, *, is_crowded: bool) -> None:
        with self._lock:
            if is_crowded:
                self._crowded_until = time.monotonic() + CROWDED_SECONDS
            self._is_busy = bool(self._waiting)
            if self._is_busy:
                following = self._waiting.popleft()
                following.leads = True
                following.turn.release()
