"""Does together what is asked for at the same time, because a batch costs little more than one wish does.

Nobody waits for company: a wish that finds nothing under way is done at once and alone, and whatever comes
meanwhile is the next batch. So batches grow with the load, and there are none without it.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Wish = TypeVar("Wish")
Outcome = TypeVar("Outcome")


class TurnNotReachedError(Exception):
    """The batch before took longer than the caller could wait. Nothing was done."""


@dataclass(eq=False, slots=True)
class _Place(Generic[Wish, Outcome]):
    wish: Wish
    # Released when the outcome is there, or when the place has a batch to lead.
    turn: threading.Lock = field(default_factory=threading.Lock)
    batch: "list[_Place[Wish, Outcome]] | None" = None
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

    def do(self, wish: Wish, patience: float) -> Outcome:
        """The outcome for `wish`. Raises what `work` raises, or TurnNotReachedError after `patience` seconds."""
        place: _Place[Wish, Outcome] = _Place(wish)
        with self._lock:
            if self._is_busy:
                place.turn.acquire()
                self._waiting.append(place)
            else:
                self._is_busy = True
                place.batch = [place]
        if place.batch is None:
            self._wait(place, patience)
        if place.batch is not None:
            self._lead(place.batch)
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
        # It is in a batch already, which ends as soon as its work does.
        place.turn.acquire()

    def _lead(self, batch: "list[_Place[Wish, Outcome]]") -> None:
        try:
            outcomes = self._work([place.wish for place in batch])
            for place, outcome in zip(batch, outcomes, strict=True):
                place.outcomes.append(outcome)
        except BaseException as error:  # noqa: BLE001 - Whatever it is, all who wait must learn of it.
            for place in batch:
                place.error = error
        finally:
            self._hand_over()
        for place in batch[1:]:
            place.turn.release()

    def _hand_over(self) -> None:
        with self._lock:
            following = [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]
            self._is_busy = bool(following)
            if following:
                following[0].batch = following
                following[0].turn.release()
