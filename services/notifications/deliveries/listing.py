"""Lists the deliveries of an account."""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, literal, select, tuple_

from services.chassis.language import Localized
from services.chassis.pages import Position
from services.notifications.tables import channels, deliveries, notifications

_delivery, _channel, _notification = deliveries.c, channels.c, notifications.c


@dataclass(frozen=True)
class Delivery:
    """A delivery as its owner reads it."""

    id: uuid.UUID
    notification_id: uuid.UUID
    kind: str
    title: Localized
    channel_id: uuid.UUID
    channel_name: str
    state: str
    attempts: int
    next_attempt_time: datetime.datetime | None
    error: str | None
    create_time: datetime.datetime
    end_time: datetime.datetime | None


def read_page(
    connection: Connection,
    owner_id: uuid.UUID,
    channel_id: uuid.UUID | None,
    size: int,
    after: Position | None,
) -> tuple[Sequence[Delivery], Position | None]:
    """Returns at most `size` deliveries after `after`, newest first, and the start of the next page, if any."""
    query = (
        select(
            deliveries,
            _notification.kind,
            _notification.title_zh,
            _notification.title_en,
            _channel.name.label("channel_name"),
        )
        .join_from(deliveries, notifications)
        .join(channels, _channel.id == _delivery.channel_id)
        .where(_delivery.owner_id == owner_id)
        .order_by(_delivery.create_time.desc(), _delivery.id.desc())
        .limit(size + 1)
    )
    if channel_id is not None:
        query = query.where(_delivery.channel_id == channel_id)
    if after is not None:
        position = tuple_(literal(after.time), literal(after.id))
        query = query.where(tuple_(_delivery.create_time, _delivery.id) < position)
    found = [
        Delivery(
            row.id,
            row.notification_id,
            row.kind,
            Localized(row.title_zh, row.title_en),
            row.channel_id,
            row.channel_name,
            row.state,
            row.attempts,
            row.next_attempt_time,
            row.error,
            row.create_time,
            row.end_time,
        )
        for row in connection.execute(query)
    ]
    items = found[:size]
    return items, Position(items[-1].create_time, items[-1].id) if len(found) > size else None
