"""Limits events that count when they happen: at most the limit within the window, exactly, over all replicas."""

import datetime
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Table

from services.chassis.errors import ThrottledError
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import Attempts, Bucket


class Tally:
    """Counts of one window in a table made by attempts_table(). Thread-safe.

    A bucket is for a Tally or for a Throttle; the table may be that of both.
    """

    def __init__(
        self,
        database: Database,
        table: Table,
        window: datetime.timedelta,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._database = database
        self._now = now
        self.attempts = Attempts(table, window)

    def count(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> None:
        """Counts once in every bucket. Raises `refusal`, and counts nothing, when one is full."""
        with self._database.transaction() as connection:
            self.count_within(connection, buckets, refusal)

    def count_within(
        self, connection: Connection, buckets: Sequence[Bucket], refusal: type[ThrottledError]
    ) -> None:
        """As count(), in the open transaction of `connection`: what is rolled back does not count."""
        now = self._now()
        self.attempts.lock(connection, buckets)
        self._check(connection, buckets, now, refusal)
        self.attempts.count(connection, buckets, now)

    def check(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> None:
        """Raises `refusal` when a bucket is full."""
        with self._database.reading() as connection:
            self._check(connection, buckets, self._now(), refusal)

    def purge(self) -> int:
        """Removes the rows outside the window; returns their number.

        Of all limits that share a table, the one with the longest window must do this.
        """
        with self._database.transaction() as connection:
            return self.attempts.purge(connection, self._now())

    def _check(
        self,
        connection: Connection,
        buckets: Sequence[Bucket],
        now: datetime.datetime,
        refusal: type[ThrottledError],
    ) -> None:
        occupancy = self.attempts.occupancy(connection, buckets, now)
        for bucket in buckets:
            found = occupancy.get(bucket.key)
            if found is not None and found.taken >= bucket.limit:
                raise refusal(retry_after=found.oldest + self.attempts.window - now)
