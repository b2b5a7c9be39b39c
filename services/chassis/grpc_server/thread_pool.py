"""A thread pool that grows with the number of calls and shrinks again.

The pool of concurrent.futures never ends a thread, so a peak of streams would hold its threads for ever.
"""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

IDLE_SECONDS = 10.0

Work = Callable[[], None]


class ElasticThreadPool(Executor):
    """An Executor of at most `most_threads` threads, each of which ends after `idle_seconds` without work.

    The thread that was idle for the shortest time gets the next work, so that under a steady load the others end.
    """

    def __init__(
        self, most_threads: int, thread_name_prefix: str, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        """Starts no thread."""
        self._most_threads = most_threads
        self._prefix = thread_name_prefix
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        # Each idle thread waits at a queue of its own; the one that has been idle for the longest time is first.
        self._idle: deque[queue.SimpleQueue[Work | None]] = deque()
        self._backlog: deque[Work] = deque()
        self._threads = 0
        self._is_shut = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Runs `fn` as soon as a thread is free. Raises RuntimeError after shutdown()."""
        future: Future[Any] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - The future passes it on.
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._is_shut:
                raise RuntimeError("the thread pool has been shut down")
            if self._idle:
                self._idle.pop().put(work)
            elif self._threads < self._most_threads:
                self._threads += 1
                name = f"{self._prefix}_{self._threads}"
                threading.Thread(target=self._run, args=(work,), name=name, daemon=True).start()
            else:
                self._backlog.append(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Refuses further work. The threads end after the work that is waiting. Does not block. Idempotent."""
        with self._lock:
            self._is_shut = True
            while self._idle:
                self._idle.pop().put(None)

    def _run(self, first: Work) -> None:
        mine: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        work: Work | None = first
        while work is not None:
            work()
            # Releases what the work refers to while this thread waits.
            del work
            work = self._next(mine)

    def _next(self, mine: queue.SimpleQueue[Work | None]) -> Work | None:
        """Returns the next work of this thread, or None when the thread must end."""
        with self._lock:
            if self._backlog:
                return self._backlog.popleft()
            if self._is_shut:
                self._threads -= 1
                return None
            self._idle.append(mine)
        with contextlib.suppress(queue.Empty):
            return self._given(mine.get(timeout=self._idle_seconds))
        with self._lock:
            if mine in self._idle:
                self._idle.remove(mine)
                self._threads -= 1
                return None
        # Work arrived just when the wait timed out.
        return self._given(mine.get())

    def _given(self, work: Work | None) -> Work | None:
        if work is None:
            with self._lock:
                self._threads -= 1
        return work
