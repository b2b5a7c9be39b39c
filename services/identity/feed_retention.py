"""Removes changes from the feed once no subscriber is expected to ask for them any more."""

import datetime
import threading
from collections.abc import Callable

import structlog

from services.chassis.database import Database
from services.chassis.errors import DomainError
from services.identity import account_feed

_log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 300.0


class FeedRetention:
    """A thread that removes changes older than `keep`, soon after its start and then every five minutes."""

    def __init__(
        self, database: Database, keep: datetime.timedelta, now: Callable[[], datetime.datetime]
    ) -> None:
        self._database = database
        self._keep = keep
        self._now = now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed-retention", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the batch that it is at."""
        self._stopping.set()
        self._thread.join(timeout=15)

    def prune(self) -> int:
        """Removes what is too old now, a batch for each transaction; gives the number of changes removed."""
        before = self._now() - self._keep
        removed = 0
        while not self._stopping.is_set():
            with self._database.transaction() as connection:
                count = account_feed.prune(connection, before)
            removed += count
            if count < account_feed.BATCH:
                break
        return removed

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                removed = self.prune()
            except DomainError as error:
                _log.warning("account_feed_not_pruned", reason=error.reason)
            else:
                _log.debug("account_feed_pruned", removed=removed)
            self._stopping.wait(INTERVAL_SECONDS)
