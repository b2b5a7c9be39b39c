"""The outcomes of a claim: what was not sent, the channel's failures, and when it is due again."""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, select, update

from services.chassis.postgres.database import Database
from services.notifications.channels import channels as rows
from services.notifications.deliveries.claims import LONGEST, ClaimedChannel, PendingDelivery
from services.notifications.deliveries.retries import PAUSE_AFTER, retry_time
from services.notifications.inbox.publishing import WAKE
from services.notifications.tables import channels, deliveries, notifications

# Why the server has disabled a channel.
GONE = "GONE"
FAILING = "FAILING"

_channel, _delivery, _notification = channels.c, deliveries.c, notifications.c


@dataclass(frozen=True)
class Failure:
    """A failed attempt: its delivery, the error, and what the receiver said about further ones."""

    delivery: PendingDelivery
    error: str
    is_final: bool = False
    retry_after: datetime.timedelta | None = None


def drop(connection: Connection, dropped: Sequence[uuid.UUID], error: str, now: datetime.datetime) -> None:
    """Ends deliveries that are not sent."""
    connection.execute(
        update(deliveries)
        .where(_delivery.id.in_(dropped), _delivery.state == "pending")
        .values(state="dropped", error=error, next_attempt_time=None, end_time=now)
    )


def drop_untrue(connection: Connection, channel_id: uuid.UUID, now: datetime.datetime) -> None:
    """Ends the pending deliveries of a channel whose notification was withdrawn, or is too late."""
    pending = and_(_delivery.channel_id == channel_id, _delivery.state == "pending")
    is_of = _delivery.notification_id == _notification.id
    for error, condition in (
        ("WITHDRAWN", _notification.withdraw_time.is_not(None)),
        ("TOO_LATE", _notification.valid_until <= now),
    ):
        connection.execute(
            update(deliveries)
            .where(pending, is_of, condition)
            .values(state="dropped", error=error, next_attempt_time=None, end_time=now)
        )
    connection.execute(
        update(deliveries)
        .where(pending, _delivery.create_time <= now - LONGEST)
        .values(
            state="failed",
            error=func.coalesce(_delivery.error, "TOO_LATE"),
            next_attempt_time=None,
            end_time=now,
        )
    )


def release(
    database: Database,
    channel: ClaimedChannel,
    now: datetime.datetime,
    *,
    has_delivered: bool,
    failure: Failure | None,
) -> None:
    """Ends a claim, records its outcome in the channel, and sets when the channel is due again.

    Does nothing if the claim was lost.
    """
    with database.transaction() as connection:
        # Locked before the deliveries are read again: a notification that is published now waits, and makes the
        # channel due afterwards.
        locked = connection.execute(
            select(_channel.failures, _channel.failing_since, _channel.enabled)
            .where(_channel.id == channel.id, _channel.lease_id == channel.lease)
            .with_for_update()
        ).one_or_none()
        if locked is None:
            return
        changes: dict[str, Any] = {"lease_id": None, "lease_until": None}
        if has_delivered:
            changes |= {"last_delivery_time": now, "last_error": None, "failures": 0, "failing_since": None}
        earliest = None
        if failure is not None:
            failures = 1 if has_delivered else locked.failures + 1
            since = now if has_delivered else locked.failing_since or now
            earliest = retry_time(failures, failure.retry_after, now)
            changes |= {"last_error": failure.error, "failures": failures, "failing_since": since}
            _postpone(connection, failure, earliest)
            if failure.is_final or now - since >= PAUSE_AFTER:
                changes |= {"enabled": False, "disabled_reason": GONE if failure.is_final else FAILING}
        drop_untrue(connection, channel.id, now)
        connection.execute(update(channels).where(_channel.id == channel.id).values(**changes))
        if failure is not None and changes.get("enabled") is False:
            rows.drop_pending(connection, channel.id, failure.error, now, "failed")
            return
        due = select(func.min(_delivery.next_attempt_time)).where(
            _delivery.channel_id == channel.id, _delivery.state == "pending"
        )
        statement = update(channels).where(_channel.id == channel.id)
        values = {"due_time": _not_before(due.scalar_subquery(), earliest)}
        is_due = connection.execute(statement.values(values).returning(_channel.due_time)).scalar_one()
        if is_due is not None and (locked.failures > 0) != (changes.get("failures", locked.failures) > 0):
            # The other sort of workers has to continue.
            connection.execute(WAKE)


def _postpone(connection: Connection, failure: Failure, until: datetime.datetime) -> None:
    connection.execute(
        update(deliveries)
        .where(_delivery.id == failure.delivery.id, _delivery.state == "pending")
        .values(error=failure.error, next_attempt_time=until)
    )


def _not_before(
    due: ColumnElement[datetime.datetime], earliest: datetime.datetime | None
) -> ColumnElement[datetime.datetime]:
    if earliest is None:
        return due
    # GREATEST ignores nulls, but a channel without pending deliveries must not become due.
    return case((due.is_(None), None), else_=func.greatest(due, earliest))
