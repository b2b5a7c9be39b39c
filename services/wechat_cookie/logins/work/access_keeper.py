"""Ends logins and streams of accounts that have lost access since they started them."""

import datetime
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence

from services.chassis.background_loop import BackgroundLoop
from services.chassis.identity.feed_follower import BATCH
from services.chassis.identity.principals import Principal
from services.chassis.postgres.database import Database
from services.wechat_cookie.logins.store.retention import LoginRetention
from services.wechat_cookie.logins.streams.hub import EventHub
from services.wechat_cookie.logins.work.metrics import LoginMeasures

INTERVAL_SECONDS = 60.0
# Changes within this time are checked together.
GATHER_SECONDS = 0.05
MOST_RETRY_SECONDS = 1.0

Principals = Callable[[Sequence[str]], Mapping[str, Principal]]


class AccessKeeper:
    """A thread that asks Identity about accounts that have changed and have running logins or open streams.

    Every replica checks every change, so a login ends also if the replica that started it has stopped. A replica
    that was disconnected checks all accounts when it is connected to the account feed again. Failures are retried.
    """

    def __init__(
        self,
        database: Database,
        retention: LoginRetention,
        hub: EventHub,
        principals: Principals,
        now: Callable[[], datetime.datetime],
        measures: LoginMeasures,
    ) -> None:
        """`principals` returns those of at most 1,000 accounts that exist, by id."""
        self._database = database
        self._retention = retention
        self._hub = hub
        self._principals = principals
        self._now = now
        self._measures = measures
        self._lock = threading.Lock()
        self._changed: set[uuid.UUID] = set()
        self._check_all = True
        self._loop = BackgroundLoop(
            "login-access",
            self._step,
            INTERVAL_SECONDS,
            wake_delay_seconds=GATHER_SECONDS,
            most_retry_seconds=MOST_RETRY_SECONDS,
        )

    def start(self) -> None:
        """Starts the thread, which begins by checking all accounts."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._loop.stop()

    def account_changed(self, account_id: str) -> None:
        """Schedules a check of the account. Returns immediately."""
        with self._lock:
            self._changed.add(uuid.UUID(account_id))
        self._loop.wake()

    def changes_missed(self) -> None:
        """Schedules a check of all accounts, because changes may have been missed. Returns immediately."""
        with self._lock:
            self._check_all = True
        self._loop.wake()

    def _step(self) -> None:
        with self._lock:
            changed, check_all = self._changed, self._check_all
            self._changed, self._check_all = set(), False
        if not changed and not check_all:
            return
        try:
            self._check(None if check_all else changed)
        except Exception:
            with self._lock:
                self._changed |= changed
                self._check_all = self._check_all or check_all
            raise

    def _check(self, changed: set[uuid.UUID] | None) -> None:
        with self._database.reading() as connection:
            concerned = set(self._retention.owners_of_running(connection)) | self._hub.owners()
        ids = sorted(concerned if changed is None else concerned & changed)
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            found = self._principals([str(account_id) for account_id in batch])
            owners = {account_id: found.get(str(account_id)) for account_id in batch}
            self._end_logins(owners)
            # After the logins, so that a stream finds the failure that its login ended with.
            for account_id, owner in owners.items():
                self._hub.account_changed(account_id, owner, self._now())

    def _end_logins(self, owners: Mapping[uuid.UUID, Principal | None]) -> None:
        with self._database.reading() as connection:
            affected = self._retention.owners_affected(connection, owners)
        for account_id in affected:
            with self._database.transaction() as connection:
                written = self._retention.account_changed(connection, account_id, owners[account_id])
            for state in written:
                if state.ended_at is not None:
                    self._measures.ended(state)
