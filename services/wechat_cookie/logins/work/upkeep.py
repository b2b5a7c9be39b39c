"""A background loop on every replica that ends overdue and abandoned logins and deletes old ones."""

import time
from collections.abc import Callable

from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database
from services.wechat_cookie.logins.store.retention import BATCH, LoginRetention
from services.wechat_cookie.logins.store.starts import LoginStarts
from services.wechat_cookie.logins.streams.hub import EventHub
from services.wechat_cookie.logins.work.metrics import LoginMeasures

# Deadlines are exact to LEAST_SECONDS. Deadlines that were inserted meanwhile are noticed after MOST_SECONDS,
# or after IDLE_SECONDS while no login runs.
LEAST_SECONDS = 0.2
MOST_SECONDS = 0.5
IDLE_SECONDS = 2.0
MOST_RETRY_SECONDS = 1.0


class LoginUpkeep:
    """Ends and deletes logins. Independent of the poller, so that logins end in time if all exchanges hang."""

    def __init__(
        self,
        database: Database,
        retention: LoginRetention,
        hub: EventHub,
        measures: LoginMeasures,
        starts: LoginStarts,
        on_idle: Callable[[], None],
        sweep_seconds: float,
    ) -> None:
        """`on_idle` is called at every sweep that finds no running login."""
        self._database = database
        self._retention = retention
        self._hub = hub
        self._measures = measures
        self._starts = starts
        self._on_idle = on_idle
        self._sweep_seconds = sweep_seconds
        self._sweep_at = 0.0
        self._seen: set[str] = set()
        self._loop = BackgroundLoop(
            "login-upkeep", self._step, LEAST_SECONDS, most_retry_seconds=MOST_RETRY_SECONDS
        )

    def start(self) -> None:
        """Starts the thread."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._loop.stop()

    def _step(self) -> float:
        """Ends overdue logins, sweeps if that is due, and returns the seconds until the next step."""
        pause = self._end_overdue()
        if time.monotonic() >= self._sweep_at:
            # Kept until they are written, so that no login is abandoned because the database was unavailable.
            self._seen |= self._hub.take_seen()
            self._sweep(self._seen)
            self._seen = set()
            self._sweep_at = time.monotonic() + self._sweep_seconds
        return pause

    def _end_overdue(self) -> float:
        """Ends overdue logins and returns the seconds until the next check."""
        while True:
            with self._database.direct() as connection:
                left = self._retention.seconds_to_deadline(connection)
            if left is None or left > 0:
                return IDLE_SECONDS if left is None else min(MOST_SECONDS, max(LEAST_SECONDS, left))
            with self._database.transaction() as connection:
                states = self._retention.end_overdue(connection)
            for state in states:
                self._measures.ended(state)
            if len(states) < BATCH:
                # Another replica may hold the rest.
                return LEAST_SECONDS

    def _sweep(self, seen: set[str]) -> None:
        with self._database.direct() as connection:
            is_any_running = self._retention.is_any_running(connection)
        if is_any_running:
            with self._database.transaction() as connection:
                self._retention.mark_seen(connection, seen)
            with self._database.transaction() as connection:
                abandoned = self._retention.end_abandoned(connection)
            for state in abandoned:
                self._measures.ended(state)
        else:
            self._on_idle()
        with self._database.reading() as connection:
            self._retention.remove_old(connection)
        self._starts.purge()
