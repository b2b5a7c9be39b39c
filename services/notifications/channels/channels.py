"""The rows of channels: created, read, changed and deleted by their owners."""

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, insert, select, update

from services.notifications.channels.errors import ChannelNotFoundError, ChannelsExhaustedError
from services.notifications.tables import channels, deliveries

_row, _delivery = channels.c, deliveries.c


@dataclass(frozen=True)
class Channel:
    """A channel as stored, in the order of COLUMNS."""

    id: uuid.UUID
    owner_id: uuid.UUID
    kind: str
    name: str
    address_hint: str
    events: Sequence[str]
    language: str
    enabled: bool
    disabled_reason: str | None
    previous_secret_until: datetime.datetime | None
    last_delivery_time: datetime.datetime | None
    last_error: str | None
    failing_since: datetime.datetime | None
    create_time: datetime.datetime
    # Secrets, encrypted.
    secrets: bytes = field(repr=False)


COLUMNS = tuple(_row[name] for name in Channel.__dataclass_fields__)
_ENABLED_AGAIN = {"disabled_reason": None, "failures": 0, "failing_since": None, "last_error": None}


def list_channels(connection: Connection, owner_id: uuid.UUID) -> list[Channel]:
    """Returns the account's channels, oldest first."""
    query = select(*COLUMNS).where(_row.owner_id == owner_id).order_by(_row.create_time, _row.id)
    return [Channel(*row) for row in connection.execute(query)]


def get(
    connection: Connection, owner_id: uuid.UUID, channel_id: uuid.UUID, *, is_locked: bool = False
) -> Channel:
    """Returns a channel of the account, locked until the end if asked to. Raises ChannelNotFoundError."""
    query = select(*COLUMNS).where(_row.id == channel_id, _row.owner_id == owner_id)
    if is_locked:
        query = query.with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise ChannelNotFoundError
    return Channel(*row)


def create(connection: Connection, channel: Channel, most: int) -> None:
    """Stores a new channel. Raises ChannelsExhaustedError if the account has `most` already."""
    # Of concurrent calls of an account one waits here for the other.
    connection.execute(select(func.pg_advisory_xact_lock(_lock(channel.owner_id))))
    count = select(func.count()).where(_row.owner_id == channel.owner_id)
    if connection.execute(count).scalar_one() >= most:
        raise ChannelsExhaustedError
    connection.execute(insert(channels).values(vars(channel)))


def change(
    connection: Connection,
    owner_id: uuid.UUID,
    channel_id: uuid.UUID,
    changes: Mapping[str, object],
    now: datetime.datetime,
) -> Channel:
    """Sets columns of a channel and returns it. Raises ChannelNotFoundError."""
    values = dict(changes)
    if values.get("enabled") is True:
        values.update(_ENABLED_AGAIN)
    if values:
        statement = update(channels).where(_row.id == channel_id, _row.owner_id == owner_id).values(values)
        connection.execute(statement)
    if values.get("enabled") is False:
        drop_pending(connection, channel_id, "CHANNEL_DISABLED", now)
    return get(connection, owner_id, channel_id)


def drop_pending(
    connection: Connection, channel_id: uuid.UUID, error: str, now: datetime.datetime, state: str = "dropped"
) -> None:
    """Ends the pending deliveries of a channel that is disabled."""
    connection.execute(
        update(deliveries)
        .where(_delivery.channel_id == channel_id, _delivery.state == "pending")
        .values(state=state, error=error, next_attempt_time=None, end_time=now)
    )
    connection.execute(update(channels).where(_row.id == channel_id).values(due_time=None))


def remove(connection: Connection, owner_id: uuid.UUID, channel_id: uuid.UUID) -> None:
    """Deletes a channel with its deliveries. Raises ChannelNotFoundError."""
    statement = delete(channels).where(_row.id == channel_id, _row.owner_id == owner_id)
    if connection.execute(statement).rowcount == 0:
        raise ChannelNotFoundError


def _lock(owner_id: uuid.UUID) -> int:
    return int.from_bytes(owner_id.bytes[:8], "big", signed=True)
