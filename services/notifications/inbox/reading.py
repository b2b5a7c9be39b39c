"""Lists the notifications of an account, and marks them as read."""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select, tuple_, update

from services.chassis.language import Localized
from services.chassis.pages import Position
from services.notifications.tables import notifications

_row = notifications.c


@dataclass(frozen=True)
class Notification:
    """A notification as its owner reads it."""

    id: uuid.UUID
    kind: str
    subject_id: str
    title: Localized
    text: Localized
    link: str | None
    create_time: datetime.datetime
    read_time: datetime.datetime | None
    withdraw_time: datetime.datetime | None


@dataclass(frozen=True)
class Page:
    """A page of notifications, newest first. `next` is the start of the next page, None on the last."""

    items: Sequence[Notification]
    unread: int
    next: Position | None


def read_page(connection: Connection, owner_id: uuid.UUID, size: int, after: Position | None) -> Page:
    """Returns at most `size` notifications after `after`. Needs a transaction of one snapshot."""
    query = (
        select(notifications)
        .where(_row.owner_id == owner_id)
        .order_by(_row.create_time.desc(), _row.id.desc())
        .limit(size + 1)
    )
    if after is not None:
        query = query.where(
            tuple_(_row.create_time, _row.id) < tuple_(literal(after.time), literal(after.id))
        )
    found = [
        Notification(
            row.id,
            row.kind,
            row.subject_id,
            Localized(row.title_zh, row.title_en),
            Localized(row.text_zh, row.text_en),
            row.link,
            row.create_time,
            row.read_time,
            row.withdraw_time,
        )
        for row in connection.execute(query)
    ]
    items = found[:size]
    following = Position(items[-1].create_time, items[-1].id) if len(found) > size else None
    return Page(items, unread(connection, owner_id), following)


def unread(connection: Connection, owner_id: uuid.UUID) -> int:
    """Returns the number of unread notifications that were not withdrawn."""
    query = select(func.count()).where(
        _row.owner_id == owner_id, _row.read_time.is_(None), _row.withdraw_time.is_(None)
    )
    return int(connection.execute(query).scalar_one())


def mark_read(
    connection: Connection, owner_id: uuid.UUID, ids: Sequence[uuid.UUID] | None, now: datetime.datetime
) -> None:
    """Marks the account's notifications of these ids as read, all for None. Idempotent."""
    statement = update(notifications).where(_row.owner_id == owner_id, _row.read_time.is_(None))
    if ids is not None:
        statement = statement.where(_row.id.in_(ids))
    connection.execute(statement.values(read_time=now))
