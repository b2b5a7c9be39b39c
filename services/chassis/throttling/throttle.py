"""Limits attempts by bucket, exactly, over all replicas: an attempt has its place before anything is done for it.

An attempt is one row for each bucket that it falls into. It is open while its outcome is not known; then it is
removed, or stays as one that counts. As open ones may all come to count, there are never more open and counting
ones than the limit: whoever comes while the places are taken by open ones waits for their outcome, and is refused
only when those that count fill the bucket. So wrong guesses in parallel cannot exceed the limit, and
right ones in parallel are not refused. An attempt whose process died counts.
"""

import contextlib
import datetime
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Table

from services.chassis.database import Database
from services.chassis.errors import ThrottledError
from services.chassis.throttling.attempts import Attempts, Bucket, Occupancy
from services.chassis.throttling.turnstiles import NoTurnError, Turnstiles

# How often one that waits for the outcome of attempts at other replicas looks again.
LOOK_AGAIN_SECONDS = 0.1
SOON = datetime.timedelta(seconds=2)


class Throttle:
    """Limits of one window in a table made by attempts_table(). Thread-safe."""

    def __init__(
        self,
        database: Database,
        table: Table,
        turnstiles: Turnstiles,
        window: datetime.timedelta,
        now: Callable[[], datetime.datetime],
        patience: Callable[[], float],
    ) -> None:
        """`patience` gives the seconds that the call now answered can still wait."""
        self._database = database
        self._attempts = Attempts(table, window)
        self._turnstiles = turnstiles
        self._now = now
        self._patience = patience

    @contextlib.contextmanager
    def attempt(
        self, buckets: Sequence[Bucket], refusal: type[ThrottledError], counts: type[Exception]
    ) -> Iterator[None]:
        """Runs the block as an attempt that counts if the block raises `counts`, and else does not.

        Raises `refusal` when a bucket is full.
        """
        with contextlib.ExitStack() as turns:
            # Most of those who would wait for each other's outcome wait here, without asking the database.
            for bucket in buckets:
                turn = self._turnstiles.passing(bucket.key, bucket.limit, self._patience())
                try:
                    turns.enter_context(turn)
                except NoTurnError:
                    raise refusal(retry_after=SOON) from None
            attempt_id = self._begin(buckets, refusal)
            try:
                yield
            except counts:
                with self._database.reading() as connection:
                    self._attempts.count(connection, attempt_id)
                raise
            except BaseException:
                self._forget(attempt_id)
                raise
            self._forget(attempt_id)

    def _begin(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> uuid.UUID:
        deadline = time.monotonic() + self._patience()
        while (attempt_id := self._try_to_begin(buckets, refusal)) is None:
            if time.monotonic() >= deadline:
                raise refusal(retry_after=SOON)
            threading.Event().wait(LOOK_AGAIN_SECONDS)
        return attempt_id

    def _try_to_begin(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> uuid.UUID | None:
        with self._database.transaction() as connection:
            now = self._now()
            self._attempts.lock(connection, buckets)
            occupancy = self._attempts.occupancy(connection, buckets, now)
            for bucket in buckets:
                found = occupancy.get(bucket.key)
                if found is not None and found.counting >= bucket.limit:
                    raise refusal(retry_after=found.oldest + self._attempts.window - now)
            if not all(_has_room(bucket, occupancy.get(bucket.key)) for bucket in buckets):
                return None
            return self._attempts.begin(connection, buckets, now, is_open=True)

    def _forget(self, attempt_id: uuid.UUID) -> None:
        with self._database.reading() as connection:
            self._attempts.forget(connection, attempt_id)


def _has_room(bucket: Bucket, found: Occupancy | None) -> bool:
    return found is None or found.counting + found.open < bucket.limit
