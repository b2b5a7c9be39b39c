"""Prometheus metrics of the queue for password hashes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class HashingMetrics:
    """Reports the waiting callers, and counts and times their waits."""

    def __init__(
        self, registry: CollectorRegistry | None, concurrency: int, queue: int, waiting: Callable[[], float]
    ) -> None:
        """`waiting` returns the number of waiting callers at a scrape."""
        Gauge("hashing_queue_calls", "Calls that wait for a hash.", registry=registry).set_function(waiting)
        Gauge("hashing_queue_limit", "Calls that may wait for a hash.", registry=registry).set(queue)
        Gauge("hashing_limit", "Hashes that are computed at a time.", registry=registry).set(concurrency)
        self._hashing = Gauge("hashing_in_progress", "Hashes that are being computed.", registry=registry)
        self._refused = Counter(
            "hashing_refused",
            "Calls that were refused a hash: queue full, or waited too long.",
            registry=registry,
        )
        self._wait = Histogram(
            "hashing_wait_seconds", "Time that a call waited for its hash to begin.", registry=registry
        )

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Times the block, in which a caller waits, and counts it as refused if it raises."""
        try:
            with self._wait.time():
                yield
        except Exception:
            self._refused.inc()
            raise

    @contextmanager
    def hashing(self) -> Iterator[None]:
        """Counts a hash in progress during the block."""
        with self._hashing.track_inprogress():
            yield
