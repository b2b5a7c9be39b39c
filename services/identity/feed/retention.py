"""Deletes old changes from the feed, which no subscriber is expected to request any more."""

import datetime
from collections.abc import Callable

from services.chassis.postgres.database import Database
from services.identity.feed import changes


class FeedRetention:
    """Deletes changes that are older than `keep`."""

    def __init__(
        self, database: Database, keep: datetime.timedelta, now: Callable[[], datetime.datetime]
    ) -> None:
        self._database = database
        self._keep = keep
        self._now = now

    def prune(self) -> int:
        """Deletes the old changes, a batch in each transaction, and returns their number."""
        before = self._now() - self._keep
        removed = 0
        while True:
            with self._database.transaction() as connection:
                count = changes.prune(connection, before)
            removed += count
            if count < changes.BATCH:
                return removed
