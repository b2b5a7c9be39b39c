"""Keeps the ends of the accounts' access up to date, and publishes the notices about them."""

import datetime
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from services.chassis.background_loop import BackgroundLoop
from services.chassis.identity.client import IdentityClient
from services.chassis.identity.principals import Principal
from services.chassis.identity.statuses import ACTIVE
from services.chassis.postgres.database import Database
from services.notifications.days.notices import PUBLISHER, due_notice, next_time, notices, values
from services.notifications.inbox import publishing
from services.notifications.inbox.publishing import Event
from services.notifications.tables import account_days

_row = account_days.c
_AT_ONCE = 500
IDLE_SECONDS = 60.0
# A replica that is asked to look again sooner than this waits, so that a burst of changes is one call to Identity.
WAKE_DELAY_SECONDS = 0.2
_UNKNOWN = (
    select(_row.account_id, _row.expired_time)
    .where(_row.changed_sequence > _row.known_sequence, _row.deleted_time.is_(None))
    .order_by(_row.account_id)
    .limit(_AT_ONCE)
    .with_for_update(skip_locked=True)
)


def end_of_access(principal: Principal) -> datetime.datetime | None:
    """Returns when the account's access ends, or has ended; None if it does not, or the account has none."""
    if principal.is_admin or principal.activation_status != ACTIVE:
        return None
    return principal.expired_time


def is_still_true(event_id: str, principal: Principal | None) -> bool:
    """Returns whether a notice is about the present end of the account's access; None is a deleted account."""
    end = None if principal is None else end_of_access(principal)
    if principal is None or end is None:
        return False
    return any(notice.event_id == event_id for notice in notices(uuid.UUID(principal.account_id), end))


@dataclass(frozen=True)
class DaysFollower:
    """The background work. Several replicas may run it: each account is locked while it is worked on."""

    database: Database
    identity: IdentityClient
    # Deletes an account's data in the open transaction.
    delete: Callable[[Connection, uuid.UUID], None]
    now: Callable[[], datetime.datetime]

    def loop(self) -> BackgroundLoop:
        """Returns the loop, which begins with the accounts that have changed."""
        return BackgroundLoop("account-days", self.step, IDLE_SECONDS, wake_delay_seconds=WAKE_DELAY_SECONDS)

    def step(self) -> float:
        """Asks Identity about changed accounts and publishes what is due. Returns the seconds until then.

        Raises DomainError if Identity or the database is unavailable.
        """
        # Fewer are the last ones.
        while self.refresh() == _AT_ONCE:
            pass
        while self.publish_due() == _AT_ONCE:
            pass
        return self._seconds_until_next()

    def refresh(self) -> int:
        """Reads some of the changed accounts from Identity and returns their number."""
        # The rows stay locked during the call, so that two replicas do not read the same accounts.
        with self.database.transaction() as connection:
            before = {row.account_id: row.expired_time for row in connection.execute(_UNKNOWN)}
            if not before:
                return 0
            sequence, found = self.identity.principals_at([str(one) for one in before])
            for account_id, old_end in before.items():
                self._store(connection, account_id, old_end, sequence, found)
        return len(before)

    def publish_due(self) -> int:
        """Publishes the notices of some accounts, each in the transaction that records it. Returns their number."""
        now = self.now()
        due = (
            select(_row.account_id, _row.expired_time)
            .where(_row.notice_time <= now)
            .order_by(_row.account_id)
            .limit(_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        with self.database.transaction() as connection:
            rows = connection.execute(due).all()
            for account_id, end in rows:
                self._publish(connection, account_id, end, now)
        return len(rows)

    def end_of(self, account_id: uuid.UUID) -> datetime.datetime | None:
        """Returns the end of the account's access as it is known here; None without one."""
        query = select(_row.expired_time).where(_row.account_id == account_id)
        with self.database.reading() as connection:
            found: datetime.datetime | None = connection.execute(query).scalar_one_or_none()
        return found

    def _publish(
        self, connection: Connection, account_id: uuid.UUID, end: datetime.datetime, now: datetime.datetime
    ) -> None:
        notice = due_notice(account_id, end, now)
        if notice is not None:
            event = Event(
                PUBLISHER,
                notice.event_id,
                notice.kind,
                account_id,
                str(account_id),
                values(end),
                notice.valid_until,
            )
            publishing.publish(connection, event, now)
        self._set(connection, account_id, notice_time=next_time(account_id, end, now))

    def _store(
        self,
        connection: Connection,
        account_id: uuid.UUID,
        old_end: datetime.datetime | None,
        sequence: int,
        found: Mapping[str, Principal],
    ) -> None:
        principal = found.get(str(account_id))
        if principal is None:
            self.delete(connection, account_id)
            return
        now, end = self.now(), end_of_access(principal)
        changes: dict[str, object] = {"known_sequence": sequence, "is_admin": principal.is_admin}
        if end != old_end:
            if old_end is not None:
                old = [notice.event_id for notice in notices(account_id, old_end)]
                publishing.withdraw_published(connection, PUBLISHER, old, now)
            due = None if end is None else due_notice(account_id, end, now)
            changes["expired_time"] = end
            changes["notice_time"] = now if due is not None else next_time(account_id, end, now)
        self._set(connection, account_id, **changes)

    @staticmethod
    def _set(connection: Connection, account_id: uuid.UUID, **changes: object) -> None:
        connection.execute(update(account_days).where(_row.account_id == account_id).values(**changes))

    def _seconds_until_next(self) -> float:
        query = select(func.min(_row.notice_time))
        with self.database.reading() as connection:
            due = connection.execute(query).scalar_one()
        if due is None:
            return IDLE_SECONDS
        seconds: float = (due - self.now()).total_seconds()
        return min(IDLE_SECONDS, max(0.0, seconds))
