"""Removes changes from the feed once no subscriber is expected to ask for them any more."""

import datetime
from collections.abc import Callable

from services.chassis.postgres.database import Database
from services.identity.feed import changes


class FeedRetention:
    """Keeps the changes of the time `keep` until `now()`."""

    def __init__(
        self, database: Database, keep: datetime.timedelta, now: Callable[[], datetime.datetime]
    ) -> None:
        self._database = database
        self._keep = keep
        self._now = now

    def prune(self) -> int:
        """Removes what is too old now, a batch for each transaction; gives the number of changes removed."""
        before = self._now() - self._keep
        removed = 0
        while True:
            with self._database.transaction() as connection:
                count = changes.prune(connection, before)
            removed += count
            if count < changes.BATCH:
                return removed
