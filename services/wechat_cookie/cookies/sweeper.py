"""A background loop that removes expired cookies."""

import datetime
from collections.abc import Callable

import structlog

from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database
from services.wechat_cookie.cookies import expiry

_log = structlog.get_logger(__name__)

SWEEP_SECONDS = 60.0
# Replicas wake for the same expiry; there is no point in looking more often than this.
LEAST_SECONDS = 0.5


class Sweeper:
    """Sweeps every minute, and sooner when a cookie expires sooner. Every replica may have one."""

    def __init__(self, database: Database, now: Callable[[], datetime.datetime]) -> None:
        self._database = database
        self._now = now
        self._loop = BackgroundLoop("sweeper", self._sweep_and_look_ahead, SWEEP_SECONDS)

    def start(self) -> None:
        """Starts the thread; it begins with a sweep."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread after the owner whose cookies it is removing."""
        self._loop.stop()

    def sweep(self) -> int:
        """Removes all expired cookies and old records, and returns the number of cookies.

        Each owner's removal is a transaction of its own, so a sweep after one that raised does the rest.
        """
        now, removed = self._now(), 0
        while not self._loop.is_stopping:
            with self._database.reading() as connection:
                owners = expiry.owners_of_expired(connection, now)
            for owner_id in owners:
                with self._database.transaction() as connection:
                    removed += expiry.remove_expired(connection, owner_id, now)
            if len(owners) < expiry.OWNERS_AT_ONCE:
                break
        with self._database.reading() as connection:
            expiry.forget_the_past(connection, now)
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
