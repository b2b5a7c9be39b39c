"""Threads for one kind of work: one claims due work while threads are free, the others do it."""

import datetime
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence

import structlog

from services.chassis.background_loop import BackgroundLoop
from services.chassis.errors import DomainError
from services.wechat_cookie.logins.rules.state import LoginState

_log = structlog.get_logger(__name__)

# Interval of checks while nothing is known to be due, since another replica's lease may have expired.
IDLE_SECONDS = 2.5
MOST_RETRY_SECONDS = 1.0


class Lane:
    """Takes the steps of logins with `threads` threads, never claiming more than there are free threads.

    `claim(most, busy)` claims at most `most` due logins, `next_due()` returns when the next one is due; `busy` has
    the `key` of those in progress. At least `tick_seconds` pass between two claims, so that a claim takes many
    logins under load.
    """

    def __init__(
        self,
        name: str,
        claim: Callable[[int, Collection[str]], Sequence[LoginState]],
        next_due: Callable[[], datetime.datetime | None],
        key: Callable[[LoginState], str],
        do: Callable[[LoginState], None],
        threads: int,
        tick_seconds: float,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._name = name
        self._claim_due = claim
        self._next_due = next_due
        self._key = key
        self._do = do
        self._tick_seconds = tick_seconds
        self._now = now
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._count = threads
        self._idle = False
        self._queue: queue.SimpleQueue[LoginState | None] = queue.SimpleQueue()
        self._claims = BackgroundLoop(
            f"{name}-claims", self._claim, IDLE_SECONDS, most_retry_seconds=MOST_RETRY_SECONDS
        )
        self._threads = [
            threading.Thread(target=self._work_on, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Starts the threads."""
        self._claims.start()
        for thread in self._threads:
            thread.start()

    def nudge(self) -> None:
        """Makes the next claim immediately, because there is work."""
        self._claims.wake()

    def stop(self, seconds: float) -> None:
        """Stops claiming and waits at most `seconds` for work in progress. Work that takes longer is abandoned;
        its lease expires."""
        deadline = time.monotonic() + seconds
        for _ in range(self._count):
            self._queue.put(None)
        self._claims.stop(seconds)
        for thread in filter(threading.Thread.is_alive, self._threads):
            thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _claim(self) -> float:
        """Claims work for the free threads and returns the seconds until the next claim."""
        with self._lock:
            busy = tuple(self._busy)
        free = self._count - len(busy)
        if free == 0:
            return self._tick_seconds
        # The query costs less than a claim, and often nothing is due for hours.
        if self._idle and (pause := self._until_due()) > self._tick_seconds:
            return pause
        claimed = self._claim_due(free, busy)
        if not claimed:
            return self._until_due()
        self._idle = False
        with self._lock:
            self._busy.update(self._key(work) for work in claimed)
        for work in claimed:
            self._queue.put(work)
        return self._tick_seconds

    def _until_due(self) -> float:
        due = self._next_due()
        until_due = IDLE_SECONDS if due is None else (due - self._now()).total_seconds()
        self._idle = until_due >= IDLE_SECONDS
        return min(IDLE_SECONDS, max(self._tick_seconds, until_due))

    def _work_on(self) -> None:
        while (work := self._queue.get()) is not None and not self._claims.is_stopping:
            try:
                self._do(work)
            except DomainError as error:
                _log.warning("work_interrupted", lane=self._name, reason=error.reason)
            except Exception:  # noqa: BLE001 - The thread must survive; the login's lease expires.
                _log.exception("work_faulted", lane=self._name)
            finally:
                with self._lock:
                    self._busy.discard(self._key(work))
