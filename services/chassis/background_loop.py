"""A background thread that repeats a step until it is stopped, whatever the step raises."""

import threading
import traceback
from collections.abc import Callable

import structlog
from prometheus_client import Counter, Gauge

from services.chassis.errors import DomainError

_log = structlog.get_logger(__name__)

FIRST_RETRY_SECONDS = 0.25
MOST_RETRY_SECONDS = 30.0

# One of each for the process, as in prometheus_client's own default registry. The server exports them.
LAST_SUCCESS = Gauge(
    "background_loop_last_success_timestamp_seconds",
    "When a step of the background loop last succeeded, in Unix time; 0 before the first success.",
    ("loop",),
    registry=None,
)
FAILURES = Counter(
    "background_loop_failures", "Steps of the background loop that have failed.", ("loop",), registry=None
)


class BackgroundLoop:
    """Runs `step` on a thread of its own, again and again, until stop().

    `step` returns the seconds until its next run, or None for `interval_seconds`; wake() ends that pause early,
    after a further `wake_delay_seconds`, so that many calls of wake() lead to one step.

    An Exception that `step` raises is logged, without its message, which may hold values. The next run then follows
    after FIRST_RETRY_SECONDS, doubled with each failure in a row up to `most_retry_seconds`; wake() does not
    shorten that. `step` may block: then `interrupt`, which stop() calls from its own thread, must end the blocking,
    even if `step` has not started to block; `is_stopping` is true by then.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        interval_seconds: float,
        *,
        wake_delay_seconds: float = 0.0,
        most_retry_seconds: float = MOST_RETRY_SECONDS,
        interrupt: Callable[[], object] | None = None,
    ) -> None:
        """`name` is the name of the thread and the value of the metric's label `loop`."""
        self._name = name
        self._step = step
        self._interval_seconds = interval_seconds
        self._wake_delay_seconds = wake_delay_seconds
        self._most_retry_seconds = most_retry_seconds
        self._interrupt = interrupt
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._last_success = LAST_SUCCESS.labels(name)
        self._failures = FAILURES.labels(name)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_stopping(self) -> bool:
        """Whether stop() has been called."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Starts the thread, which begins with a step. Raises RuntimeError at a second call."""
        self._thread.start()

    def wake(self) -> None:
        """Ends the pause between two steps. A wake during a step leads to another step after it."""
        self._woken.set()

    def stop(self, seconds: float = 10.0) -> None:
        """Ends the thread after the running step, and waits at most `seconds` for that. Idempotent."""
        self._stopping.set()
        self._woken.set()
        if self._interrupt is not None:
            self._interrupt()
        if self._thread.is_alive():
            self._thread.join(seconds)
            if self._thread.is_alive():
                _log.warning("background_loop_still_running", loop=self._name)

    def pause(self, seconds: float) -> bool:
        """Waits within a step, at most until stop() is called. Returns whether it was."""
        return self._stopping.wait(seconds)

    def succeeded(self) -> None:
        """Records a success. A step that blocks for long calls it while all is well."""
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._last_success.set_to_current_time()

    def _run(self) -> None:
        while True:
            # Cleared before the look at `_stopping`: stop() sets the two in the other order.
            self._woken.clear()
            if self._stopping.is_set():
                return
            try:
                pause = self._step()
            except Exception as error:  # noqa: BLE001 - The thread continues after any failure.
                self._failed(error)
                continue
            self.succeeded()
            if self._woken.wait(self._interval_seconds if pause is None else pause):
                self._stopping.wait(self._wake_delay_seconds)

    def _failed(self, error: Exception) -> None:
        if self._stopping.is_set():
            # The interrupt has ended the step.
            _log.debug("background_loop_interrupted", loop=self._name, error=type(error).__name__)
            return
        self._failures.inc()
        facts = {
            "loop": self._name,
            "error": type(error).__name__,
            "cause": type(error.__cause__).__name__ if error.__cause__ else None,
            "retry_seconds": self._retry_seconds,
        }
        if isinstance(error, DomainError):
            _log.warning("background_loop_failed", reason=error.reason, **facts)
        else:
            _log.error(
                "background_loop_failed",
                traceback="".join(traceback.format_tb(error.__traceback__)),
                **facts,
            )
        self._stopping.wait(self._retry_seconds)
        self._retry_seconds = min(self._most_retry_seconds, 2 * self._retry_seconds)
