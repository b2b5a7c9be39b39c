"""Deletes notifications and records of deleted accounts that are no longer needed."""

import datetime
from collections.abc import Callable

from services.chassis.postgres.database import Database
from services.notifications.inbox import accounts, publishing

# Longer than any call that stores something of an account.
DELETED_ACCOUNTS = datetime.timedelta(days=1)
_BATCH = 1000


def prune_events(database: Database, keep: datetime.timedelta, now: Callable[[], datetime.datetime]) -> int:
    """Deletes events older than `keep`, with their notifications, in short transactions. Returns their number."""
    total = 0
    while True:
        with database.transaction() as connection:
            deleted = publishing.prune(connection, now() - keep, _BATCH)
        total += deleted
        if deleted < _BATCH:
            return total


def prune_accounts(database: Database, now: Callable[[], datetime.datetime]) -> int:
    """Deletes the rows of accounts that were deleted more than a day ago. Returns their number."""
    with database.transaction() as connection:
        return accounts.prune(connection, now() - DELETED_ACCOUNTS)
