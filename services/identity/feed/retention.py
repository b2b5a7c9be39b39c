"""Deletes old changes from the feed, which no subscriber is expected to request any more."""

import datetime
from collections.abc import Callable

from services.chassis.postgres.database import Database
from services.identity.feed import changes


def prune_feed(database: Database, keep: datetime.timedelta, now: Callable[[], datetime.datetime]) -> int:
    """Deletes changes that are older than `keep`, a batch in each transaction, and returns their number."""
    before = now() - keep
    removed = 0
    while True:
        with database.transaction() as connection:
            count = changes.prune(connection, before)
        removed += count
        if count < changes.BATCH:
            return removed
