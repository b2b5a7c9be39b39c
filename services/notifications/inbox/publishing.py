"""Stores notifications, once an event, and their deliveries through the channels of those who are notified."""

import datetime
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    DateTime,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from services.chassis.identity.client import IdentityUnavailableError
from services.notifications.inbox import accounts
from services.notifications.inbox.kinds import KINDS, filled
from services.notifications.tables import channels, deliveries, events, notifications

# The channel on which a commit of deliveries wakes the workers of all replicas.
CHANNEL = "deliveries"


@dataclass(frozen=True)
class Event:
    """What happened. `owner_id` is None if all admins are notified. It is not sent from `valid_until` on."""

    publisher: str
    event_id: str
    kind: str
    owner_id: uuid.UUID | None
    subject_id: str
    values: Mapping[str, str] = field(repr=False)
    valid_until: datetime.datetime


_event, _notification, _channel, _delivery = events.c, notifications.c, channels.c, deliveries.c
_NOW = bindparam("now", type_=DateTime(timezone=True))
_PUBLISHED = insert(events).on_conflict_do_update(
    index_elements=[_event.publisher, _event.event_id],
    set_={"publish_time": bindparam("now")},
    where=_event.publish_time.is_(None),
)
_WITHDRAWN = insert(events).on_conflict_do_update(
    index_elements=[_event.publisher, _event.event_id],
    set_={"withdraw_time": bindparam("now")},
    where=_event.withdraw_time.is_(None),
)
_ids = bindparam("ids", type_=ARRAY(Uuid))
# One statement for the deliveries, and one that makes their channels due. A channel that has failed is not tried
# earlier than before.
_DELIVER = insert(deliveries).from_select(
    ["notification_id", "channel_id", "owner_id", "next_attempt_time", "create_time"],
    select(_notification.id, _channel.id, _channel.owner_id, _NOW, _NOW).where(
        _notification.id == any_(_ids),
        _channel.owner_id == _notification.owner_id,
        _channel.enabled,
        or_(func.cardinality(_channel.events) == 0, _notification.kind == any_(_channel.events)),
    ),
)
_DUE = (
    update(channels)
    .where(
        _channel.id.in_(
            select(_channel.id)
            .where(
                _channel.id.in_(select(_delivery.channel_id).where(_delivery.notification_id == any_(_ids)))
            )
            .order_by(_channel.id)
            .with_for_update()
        )
    )
    .values(
        due_time=case(
            (and_(_channel.failures > 0, _channel.due_time.is_not(None)), _channel.due_time),
            else_=func.least(_channel.due_time, _NOW),
        )
    )
)
WAKE = select(func.pg_notify(CHANNEL, literal("", Text)))


def publish(connection: Connection, event: Event, now: datetime.datetime) -> None:
    """Stores the event's notifications and deliveries, in the open transaction. Idempotent by the event's id.

    Raises IdentityUnavailableError if all admins are to be notified before any is known.
    """
    values = {"publisher": event.publisher, "event_id": event.event_id, "now": now, "create_time": now}
    stored = connection.execute(
        _PUBLISHED.values(publish_time=now, create_time=now).returning(_event.withdraw_time), values
    ).one_or_none()
    if stored is None or stored.withdraw_time is not None or event.valid_until <= now:
        return
    owners = [event.owner_id] if event.owner_id is not None else accounts.admins(connection)
    if not owners:
        # There is always one, but the account feed has not reported it yet.
        raise IdentityUnavailableError
    notify(connection, event, accounts.existing(connection, owners), now)


def notify(
    connection: Connection, event: Event, owners: Collection[uuid.UUID], now: datetime.datetime
) -> None:
    """Stores a notification of a published event for each of the accounts."""
    if not owners:
        return
    kind = KINDS[event.kind]
    title, text = (filled(part, event.values) for part in (kind.title, kind.text))
    rows = [
        {
            "id": uuid.uuid4(),
            "publisher": event.publisher,
            "event_id": event.event_id,
            "owner_id": owner,
            "kind": event.kind,
            "subject_id": event.subject_id,
            "title_zh": title.zh,
            "title_en": title.en,
            "text_zh": text.zh,
            "text_en": text.en,
            "link": event.values.get("link"),
            "create_time": now,
            "valid_until": event.valid_until,
        }
        for owner in owners
    ]
    connection.execute(insert(notifications), rows)
    ids = [row["id"] for row in rows]
    if connection.execute(_DELIVER, {"ids": ids, "now": now}).rowcount:
        connection.execute(_DUE, {"ids": ids, "now": now})
        connection.execute(WAKE)


def withdraw(
    connection: Connection, publisher: str, event_ids: Sequence[str], now: datetime.datetime
) -> None:
    """Withdraws events, published or not, in the open transaction. Idempotent.

    Their pending deliveries are dropped when they are due.
    """
    for event_id in event_ids:
        values = {"publisher": publisher, "event_id": event_id, "now": now}
        connection.execute(_WITHDRAWN.values(withdraw_time=now, create_time=now), values)
    withdraw_published(connection, publisher, event_ids, now)


def withdraw_published(
    connection: Connection, publisher: str, event_ids: Sequence[str], now: datetime.datetime
) -> None:
    """Withdraws those of the events that were published; others may still be. Idempotent."""
    connection.execute(
        update(notifications)
        .where(
            _notification.publisher == publisher,
            _notification.event_id.in_(event_ids),
            _notification.withdraw_time.is_(None),
        )
        .values(withdraw_time=now)
    )


def prune(connection: Connection, before: datetime.datetime, size: int = 1000) -> int:
    """Deletes events from before `before`, at most `size`, with their notifications. Returns their number."""
    old = select(_event.publisher, _event.event_id).where(_event.create_time < before).limit(size).subquery()
    statement = events.delete().where(_event.publisher == old.c.publisher, _event.event_id == old.c.event_id)
    return connection.execute(statement).rowcount


def is_true(now: datetime.datetime) -> ColumnElement[bool]:
    """Returns SQL for whether a notification may still be sent at `now`."""
    return and_(_notification.withdraw_time.is_(None), _notification.valid_until > now)
