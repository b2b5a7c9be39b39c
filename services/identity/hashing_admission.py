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

# How much a hash gives way to the calls that want a core only for a moment.
NICENESS = 10


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
        self._places = threading.BoundedSemaphore(at_once + queue)
        self._patience = patience
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="hashing", initializer=_give_way)

    def run(self, work: Callable[[], T]) -> T:
        """What `work` gives. Raises HashingBusyError when the line is full, or too long for the caller."""
        if not self._places.acquire(blocking=False):
            raise HashingBusyError(retry_after=datetime.timedelta(seconds=2))
        try:
            future = self._pool.submit(work)
        except RuntimeError:
            # The pool was closed: this process is about to end, and another one takes the repeat.
            self._places.release()
            raise HashingBusyError from None
        # A caller who stops waiting does not stop work that has begun: its place is free when it ends.
        future.add_done_callback(lambda _: self._places.release())
        try:
            return future.result(timeout=self._patience())
        except (TimeoutError, CancelledError):
            future.cancel()
            raise HashingBusyError(retry_after=datetime.timedelta(seconds=5)) from None

    def close(self) -> None:
        """Lets running work end and refuses the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def usable_cores() -> int:
    """How many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _give_way() -> None:
    # Linux knows niceness by thread; elsewhere this would slow the whole process down.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
