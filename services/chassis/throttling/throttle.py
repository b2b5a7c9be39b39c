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
from dataclasses import dataclass

from sqlalchemy import Table

from services.chassis.errors import ThrottledError
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import Bucket
from services.chassis.throttling.open_attempts import OpenAttempts
from services.chassis.throttling.turnstiles import NoTurnError, Turnstiles

# How often one that waits for the outcome of attempts at other replicas looks again.
LOOK_AGAIN_SECONDS = 0.1
SOON = datetime.timedelta(seconds=2)


@dataclass
class Attempt:
    """An attempt that has its places.

    Whoever ends it within a statement of their own, by open_attempts.counted() or forgotten(), sets `is_over`.
    """

    id: uuid.UUID
    is_over: bool = False


class Throttle:
    """Limits of one window in a table made by attempts_table(), with the function of begin_v1. Thread-safe."""

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
        self._attempts = OpenAttempts(table, window)
        self._turnstiles = turnstiles
        self._now = now
        self._patience = patience

    @contextlib.contextmanager
    def attempt(
        self, buckets: Sequence[Bucket], refusal: type[ThrottledError], counts: type[Exception]
    ) -> Iterator[Attempt]:
        """Runs the block as an attempt that counts if the block raises `counts`, and else does not; unless the
        block has ended it itself. Raises `refusal` when a bucket is full.
        """
        with contextlib.ExitStack() as turns:
            # Most of those who would wait for each other's outcome wait here, without asking the database.
            for bucket in buckets:
                turn = self._turnstiles.passing(bucket.key, bucket.limit, self._patience())
                try:
                    turns.enter_context(turn)
                except NoTurnError:
                    raise refusal(retry_after=SOON) from None
            attempt = Attempt(self._begin(buckets, refusal))
            end = self._attempts.forget
            try:
                yield attempt
            except counts:
                end = self._attempts.count
                raise
            finally:
                if not attempt.is_over:
                    with self._database.direct() as connection:
                        end(connection, attempt.id)

    def _begin(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> uuid.UUID:
        deadline = time.monotonic() + self._patience()
        while (attempt_id := self._try_to_begin(buckets, refusal)) is None:
            if time.monotonic() >= deadline:
                raise refusal(retry_after=SOON)
            threading.Event().wait(LOOK_AGAIN_SECONDS)
        return attempt_id

    def _try_to_begin(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> uuid.UUID | None:
        now, attempt_id = self._now(), uuid.uuid4()
        with self._database.direct() as connection:
            full = self._attempts.begin(connection, attempt_id, buckets, now)
        for bucket in buckets:
            found = full.get(bucket.key)
            if found is not None and found.counting >= bucket.limit:
                raise refusal(retry_after=found.oldest + self._attempts.window - now)
        return None if full else attempt_id
