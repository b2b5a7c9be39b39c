"""Limits attempts whose outcome decides whether they count, exactly, over all replicas.

An attempt takes a place in each of its buckets before its work begins, and the place is open until the outcome is
known. Every open place may come to count, so there are never more open and counting places than the limit. An
attempt that finds the places taken waits while some of them are open, and is refused when those that count fill the
bucket: wrong guesses in parallel cannot exceed the limit, and right ones in parallel are not refused. An attempt
whose process died counts.
"""

import contextlib
import datetime
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Table

from services.chassis.errors import ThrottledError
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import Attempts, Bucket

# How often an attempt that waits for the outcome of others looks again.
POLL_SECONDS = 0.1
RETRY_AFTER_WAITING = datetime.timedelta(seconds=2)


class Throttle:
    """Limits of one window in a table made by attempts_table(). Thread-safe."""

    def __init__(
        self,
        database: Database,
        table: Table,
        window: datetime.timedelta,
        now: Callable[[], datetime.datetime],
        timeout: Callable[[], float],
    ) -> None:
        """`timeout` gives the seconds that the current call can still wait."""
        self._database = database
        self._attempts = Attempts(table, window)
        self._now = now
        self._timeout = timeout

    @contextlib.contextmanager
    def attempt(
        self,
        failures: Sequence[Bucket],
        successes: Sequence[Bucket],
        failure: type[Exception],
        refusal: type[ThrottledError],
    ) -> Iterator[None]:
        """Runs the block as an attempt.

        It counts in the buckets `failures` if the block raises `failure`, in `successes` if it raises nothing, and
        in no bucket if it raises something else. Raises `refusal`, before the block runs, if one of all these
        buckets is full.
        """
        attempt_id = self._begin((*failures, *successes), refusal)
        counting: Sequence[Bucket] = ()
        try:
            yield
            counting = successes
        except failure:
            counting = failures
            raise
        finally:
            with self._database.transaction() as connection:
                self._attempts.end(connection, attempt_id, counting)

    def _begin(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> uuid.UUID:
        deadline = time.monotonic() + self._timeout()
        while (attempt_id := self._try_to_begin(buckets, refusal)) is None:
            if time.monotonic() >= deadline:
                raise refusal(retry_after=RETRY_AFTER_WAITING)
            threading.Event().wait(POLL_SECONDS)
        return attempt_id

    def _try_to_begin(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> uuid.UUID | None:
        with self._database.transaction() as connection:
            self._attempts.lock(connection, buckets)
            now = self._now()
            occupancy = self._attempts.occupancy(connection, buckets, now)
            full = [
                (bucket, found)
                for bucket in buckets
                if (found := occupancy.get(bucket.key)) is not None and found.taken >= bucket.limit
            ]
            for bucket, found in full:
                if found.counting >= bucket.limit:
                    raise refusal(retry_after=found.oldest + self._attempts.window - now)
            return None if full else self._attempts.begin(connection, buckets, now)
