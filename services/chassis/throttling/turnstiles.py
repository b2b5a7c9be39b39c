"""Lets only so many calls of one kind on at a time within this process; a bounded number waits for its turn."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


class NoTurnError(Exception):
    """Too many wait already, or the turn did not come in time."""


@dataclass
class _Turnstile:
    free: threading.Semaphore
    # How many are inside or wait; without any it is forgotten.
    users: int = field(default=0)


class Turnstiles:
    """Turnstiles by key, made when they are first used. Thread-safe."""

    def __init__(self, most_waiting: int) -> None:
        """`most_waiting` is for all turnstiles together: whoever waits holds a thread."""
        self._lock = threading.Lock()
        self._turnstiles: dict[bytes, _Turnstile] = {}
        self._free_to_wait = most_waiting

    @contextlib.contextmanager
    def passing(self, key: bytes, at_once: int, patience: float) -> Iterator[None]:
        """Runs the block when fewer than `at_once` of this key run. Raises NoTurnError after `patience` s."""
        turnstile = self._enter(key, at_once)
        try:
            self._take_turn(turnstile, patience)
            try:
                yield
            finally:
                turnstile.free.release()
        finally:
            self._leave(key, turnstile)

    def _enter(self, key: bytes, at_once: int) -> _Turnstile:
        with self._lock:
            turnstile = self._turnstiles.setdefault(key, _Turnstile(threading.Semaphore(at_once)))
            turnstile.users += 1
            return turnstile

    def _leave(self, key: bytes, turnstile: _Turnstile) -> None:
        with self._lock:
            turnstile.users -= 1
            if turnstile.users == 0:
                del self._turnstiles[key]

    def _take_turn(self, turnstile: _Turnstile, patience: float) -> None:
        if turnstile.free.acquire(blocking=False):
            return
        with self._lock:
            if self._free_to_wait == 0:
                raise NoTurnError
            self._free_to_wait -= 1
        try:
            if not turnstile.free.acquire(timeout=patience):
                raise NoTurnError
        finally:
            with self._lock:
                self._free_to_wait += 1
