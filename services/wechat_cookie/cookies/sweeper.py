"""The thread that removes cookies when their time is over."""

import datetime
import threading
from collections.abc import Callable

import structlog

from services.chassis.errors import DomainError
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
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Starts the thread; it begins with a sweep."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after what it is doing."""
        self._stopping.set()
        self._thread.join(timeout=15)

    def sweep(self) -> int:
        """Removes all cookies that have expired by now, and old records. Gives the number of cookies.

        Each owner's is a transaction of its own, so what raises in between is made up for by the next sweep.
        """
        now, removed = self._now(), 0
        while not self._stopping.is_set():
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

    def _run(self) -> None:
        while not self._stopping.is_set():
            wait = SWEEP_SECONDS
            try:
                removed = self.sweep()
                if removed:
                    _log.info("cookies_expired", count=removed)
                wait = self._seconds_to_next()
            except DomainError as error:
                _log.warning("sweep_interrupted", reason=error.reason)
            except Exception:  # noqa: BLE001 - Whatever it was, cookies must go on to expire.
                _log.exception("sweeper_faulted")
            self._stopping.wait(wait)

    def _seconds_to_next(self) -> float:
        with self._database.reading() as connection:
            next_expiry = expiry.next_expiry(connection)
        if next_expiry is None:
            return SWEEP_SECONDS
        return min(SWEEP_SECONDS, max(LEAST_SECONDS, (next_expiry - self._now()).total_seconds()))
