"""Admits password hashing: one at a time for each core, a short queue behind, and no more."""

import datetime
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from services.chassis.errors import ThrottledError

T = TypeVar("T")


@dataclass(eq=False)
class HashingBusyError(ThrottledError):
    """As many passwords wait to be hashed as can be dealt with soon."""

    reason = "HASHING_BUSY"
    message: str = "系统繁忙，请稍后再试"


class HashingAdmission:
    """Runs work that keeps a core busy: at most `at_once` at a time and `queue` more in line, first come first
    served. Thread-safe.
    """

    def __init__(self, at_once: int, queue: int, patience: Callable[[], float]) -> None:
        """`patience` gives the seconds that the call now answered can still wait."""
        self._lock = threading.Lock()
        self._free_places = at_once + queue
        self._patience = patience
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="hashing")

    @property
    def free_places(self) -> int:
        """How many more calls would be admitted now."""
        return self._free_places

    def run(self, work: Callable[[], T]) -> T:
        """What `work` gives. Raises HashingBusyError when the line is full, or too long for the caller."""
        self._take_place()
        try:
            future = self._pool.submit(self._do, work)
        except RuntimeError:
            # The pool was closed: this process is about to end, and another one takes the repeat.
            self._free_place()
            raise HashingBusyError from None
        try:
            return future.result(timeout=self._patience())
        except (TimeoutError, CancelledError):
            # Work that has begun goes on, and its place is free when it ends.
            if future.cancel():
                self._free_place()
            raise HashingBusyError(retry_after=datetime.timedelta(seconds=5)) from None

    def close(self) -> None:
        """Lets running work end and refuses the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _do(self, work: Callable[[], T]) -> T:
        try:
            return work()
        finally:
            self._free_place()

    def _take_place(self) -> None:
        with self._lock:
            if self._free_places == 0:
                raise HashingBusyError(retry_after=datetime.timedelta(seconds=2))
            self._free_places -= 1

    def _free_place(self) -> None:
        with self._lock:
            self._free_places += 1


def usable_cores() -> int:
    """How many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
