"""The clock of the logins: ends what is overdue or abandoned and removes what is old, on every replica."""

import threading
import time
from collections.abc import Callable

import structlog

from services.chassis.errors import DomainError
from services.chassis.postgres.database import Database
from services.wechat_cookie.logins.store.retention import BATCH, LoginRetention
from services.wechat_cookie.logins.streams.hub import EventHub
from services.wechat_cookie.logins.work.metrics import LoginMeasures

_log = structlog.get_logger(__name__)

# A deadline is met to within the first; deadlines that came into the table meanwhile are noticed after the second.
LEAST_SECONDS = 0.2
MOST_SECONDS = 2.0


class LoginUpkeep:
    """A thread that needs neither WeChat nor the poller: a login ends in time also when all exchanges hang."""

    def __init__(
        self,
        database: Database,
        retention: LoginRetention,
        hub: EventHub,
        measures: LoginMeasures,
        on_idle: Callable[[], None],
        sweep_seconds: float,
    ) -> None:
        """`on_idle` is called at every sweep that finds no login under way."""
        self._database = database
        self._retention = retention
        self._hub = hub
        self._measures = measures
        self._on_idle = on_idle
        self._sweep_seconds = sweep_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="login-upkeep", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        sweep_at = time.monotonic()
        seen: set[str] = set()
        pause = LEAST_SECONDS
        while not self._stopping.wait(pause):
            try:
                pause = self._end_overdue()
                if time.monotonic() >= sweep_at:
                    # Kept until they are written: a login must not be abandoned because the database was away.
                    seen |= self._hub.take_seen()
                    self._sweep(seen)
                    seen = set()
                    sweep_at = time.monotonic() + self._sweep_seconds
            except DomainError as error:
                _log.warning("upkeep_interrupted", reason=error.reason)
            except Exception:  # noqa: BLE001 - Whatever it was, deadlines must go on.
                _log.exception("upkeep_faulted")

    def _end_overdue(self) -> float:
        """Ends what is overdue and gives the seconds until the next look."""
        while True:
            with self._database.direct() as connection:
                left = self._retention.seconds_to_deadline(connection)
            if left is None or left > 0:
                return MOST_SECONDS if left is None else min(MOST_SECONDS, max(LEAST_SECONDS, left))
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
