"""A background loop that deletes expired cookies."""

import datetime
from collections.abc import Callable

import structlog

from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database
from services.wechat_cookie.cookies import expiry

_log = structlog.get_logger(__name__)

SWEEP_SECONDS = 60.0
# The shortest interval; all replicas wake for the same expiry.
LEAST_SECONDS = 0.5


class Sweeper:
    """Sweeps every minute, or sooner if a cookie expires sooner. Several replicas may run one each."""

    def __init__(self, database: Database, now: Callable[[], datetime.datetime]) -> None:
        self._database = database
        self._now = now
        self._loop = BackgroundLoop("sweeper", self._sweep_and_look_ahead, SWEEP_SECONDS)

    def start(self) -> None:
        """Starts the thread, which begins with a sweep."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread after the owner whose cookies it is removing."""
        self._loop.stop()

    def sweep(self) -> int:
        """Deletes all expired cookies and old records, and returns the number of cookies.

        Each owner has a separate transaction, so the next sweep completes one that raised.
        """
        now, removed = self._now(), 0
        while not self._loop.is_stopping:
            with self._database.reading() as connection:
                owners = expiry.owners_of_expired(connection, now)
            for owner_id in owners:
                with self._database.transaction() as connection:
                    removed += expiry.remove_expired(connection, owner_id, now)
            if len(owners) < expiry.OWNERS_BATCH:
                break
        with self._database.reading() as connection:
            expiry.delete_old_records(connection, now)
        return removed

    def _sweep_and_look_ahead(self) -> float:
        removed = self.sweep()
        if removed:
            _log.info("cookies_expired", count=removed)
        return self._seconds_to_next()

    def _seconds_to_next(self) -> float:
        with self._database.reading() as connection:
            next_expiry = expiry.next_expiry(connection)
        if next_expiry is None:
            return SWEEP_SECONDS
        return min(SWEEP_SECONDS, max(LEAST_SECONDS, (next_expiry - self._now()).total_seconds()))
