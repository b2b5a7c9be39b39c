"""Claims of channels by workers, and the outcomes of their deliveries.

A worker claims a channel, not a delivery: so a receiver that hangs occupies one worker, and a receiver that fails
is tried again as a whole. A claim ends with its release, or when its lease expires because the worker's process has
died.
"""

import datetime
import uuid
from dataclasses import dataclass, field

from sqlalchemy import (
    Boolean,
    DateTime,
    Integer,
    Uuid,
    bindparam,
    func,
    null,
    or_,
    select,
    update,
)

from services.chassis.postgres.database import Database
from services.chassis.postgres.direct_statements import DirectStatement
from services.notifications.tables import channels, deliveries, notifications

# Longer than the time that a worker spends on a claim, see worker.py.
LEASE = datetime.timedelta(seconds=40)
# Deliveries of a claim. More follow with the next one, so that no channel occupies a worker for long.
AT_ONCE = 20
# A delivery that has not succeeded by then fails.
LONGEST = datetime.timedelta(hours=24)
# Channels of one account that are worked on at the same time, by all replicas.
MOST_OF_OWNER = 3

_channel, _delivery, _notification = channels.c, deliveries.c, notifications.c
_other = channels.alias("other").c
_NOW = bindparam("now", type_=DateTime(timezone=True))
_is_free = or_(_channel.lease_until.is_(None), _channel.lease_until <= _NOW)
_of_owner = (
    select(func.count())
    .where(_other.owner_id == _channel.owner_id, _other.lease_until > _NOW)
    .scalar_subquery()
)
_due = (
    select(_channel.id)
    .where(
        _channel.due_time <= _NOW,
        (_channel.failures > 0) == bindparam("failing", type_=Boolean),
        _is_free,
        _of_owner < MOST_OF_OWNER,
    )
    .order_by(_channel.due_time)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_claimed = (
    update(channels)
    .where(_channel.id.in_(select(_due.c.id)))
    .values(
        lease_id=bindparam("lease", type_=Uuid), lease_until=bindparam("until", type_=DateTime(timezone=True))
    )
    .returning(_channel.id)
    .cte("claimed")
)
_CLAIM = DirectStatement(select(_claimed.c.id))
_READ = DirectStatement(
    select(
        _delivery.id,
        _notification.id,
        _notification.publisher,
        _notification.event_id,
        _notification.owner_id,
        _notification.kind,
        _notification.subject_id,
        _notification.title_zh,
        _notification.title_en,
        _notification.text_zh,
        _notification.text_en,
        _notification.link,
        _notification.create_time,
        _delivery.create_time,
    )
    .join_from(deliveries, notifications)
    .where(
        _delivery.channel_id == bindparam("channel", type_=Uuid),
        _delivery.state == "pending",
        _delivery.next_attempt_time <= _NOW,
    )
    .order_by(_delivery.next_attempt_time, _delivery.id)
    .limit(AT_ONCE)
)
_attempted = (
    update(deliveries)
    .where(
        _delivery.id == bindparam("delivery", type_=Uuid),
        _delivery.state == "pending",
        _delivery.notification_id == _notification.id,
        _delivery.channel_id == _channel.id,
        _channel.lease_id == bindparam("lease", type_=Uuid),
        _channel.enabled,
        _notification.withdraw_time.is_(None),
        _notification.valid_until > _NOW,
        _delivery.create_time > bindparam("oldest", type_=DateTime(timezone=True)),
    )
    .values(attempts=_delivery.attempts + 1)
    .returning(_delivery.attempts)
    .cte("attempted")
)
_ATTEMPT = DirectStatement(select(_attempted.c.attempts))
_delivered = (
    update(deliveries)
    .where(_delivery.id == bindparam("delivery", type_=Uuid), _delivery.state == "pending")
    .values(state="delivered", error=null(), next_attempt_time=null(), end_time=_NOW)
    .returning(_delivery.id)
    .cte("delivered")
)
_DELIVERED = DirectStatement(select(_delivered.c.id))


@dataclass(frozen=True)
class PendingDelivery:
    """A delivery of a claimed channel, with its notification; in the order of the columns that are read."""

    id: uuid.UUID
    notification_id: uuid.UUID
    publisher: str
    event_id: str
    owner_id: uuid.UUID
    kind: str
    subject_id: str
    title_zh: str
    title_en: str
    text_zh: str = field(repr=False)
    text_en: str = field(repr=False)
    link: str | None = field(repr=False)
    notified_time: datetime.datetime
    create_time: datetime.datetime


@dataclass(frozen=True)
class ClaimedChannel:
    """A channel that this worker may deliver through, until its lease expires."""

    lease: uuid.UUID
    id: uuid.UUID
    kind: str
    language: str
    previous_secret_until: datetime.datetime | None
    secrets: bytes = field(repr=False)


def claim(
    database: Database, most: int, now: datetime.datetime, *, failing: bool
) -> tuple[uuid.UUID, list[uuid.UUID]]:
    """Claims at most `most` channels with due deliveries: those whose last attempt has failed, or the others.

    Returns the lease and the channels' ids.
    """
    lease = uuid.uuid4()
    values = {"now": now, "failing": failing, "most": most, "lease": lease, "until": now + LEASE}
    with database.direct() as connection:
        return lease, [row[0] for row in _CLAIM.rows(connection, values)]


_OPEN = DirectStatement(
    select(
        _channel.id, _channel.kind, _channel.language, _channel.previous_secret_until, _channel.secrets
    ).where(
        _channel.id == bindparam("channel", type_=Uuid), _channel.lease_id == bindparam("lease", type_=Uuid)
    )
)


def open_claim(
    database: Database, lease: uuid.UUID, channel_id: uuid.UUID, now: datetime.datetime
) -> tuple[ClaimedChannel, list[PendingDelivery]] | None:
    """Returns a claimed channel and its due deliveries, at most AT_ONCE. None if the claim was lost."""
    with database.direct() as connection:
        row = _OPEN.row(connection, {"channel": channel_id, "lease": lease})
        if row is None:
            return None
        found = _READ.rows(connection, {"channel": channel_id, "now": now})
    return ClaimedChannel(lease, *row), [PendingDelivery(*one) for one in found]


def begin_attempt(
    database: Database, channel: ClaimedChannel, delivery: PendingDelivery, now: datetime.datetime
) -> bool:
    """Counts an attempt and returns True, if the notification may be sent now and the claim was not lost."""
    values = {"delivery": delivery.id, "lease": channel.lease, "now": now, "oldest": now - LONGEST}
    with database.direct() as connection:
        return _ATTEMPT.row(connection, values) is not None


def delivered(database: Database, delivery: PendingDelivery, now: datetime.datetime) -> None:
    """Records that a delivery has succeeded."""
    with database.direct() as connection:
        _DELIVERED.row(connection, {"delivery": delivery.id, "now": now})


def next_due(database: Database, *, failing: bool) -> datetime.datetime | None:
    """Returns when the next channel is due, or the lease of one that is due expires; None without one."""
    due = func.min(func.greatest(_channel.due_time, _channel.lease_until))
    query = select(due).where(_channel.due_time.is_not(None), (_channel.failures > 0) == failing)
    with database.reading() as connection:
        found: datetime.datetime | None = connection.execute(query).scalar_one()
    return found
