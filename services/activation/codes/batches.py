"""Batches of codes: what one GenerateCodes made, how many are in which state, and their revocation."""

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import grpc
from sqlalchemy import Connection, case, func, insert, literal, select, tuple_, update

from services.activation.codes.iso_time import IsoTime
from services.activation.codes.listing import has_status, is_over
from services.activation.tables import activation_codes, code_batches
from services.chassis.errors import DomainError
from services.chassis.identity.statuses import EXPIRED, PENDING, REVOKED
from services.chassis.language import Localized
from services.chassis.pages import Position

_batch = code_batches.c
_code = activation_codes.c
_NEWEST_FIRST = (_batch.create_time.desc(), _batch.id.desc())


class BatchNotFoundError(DomainError):
    """The batch does not exist."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "BATCH_NOT_FOUND"
    message = Localized("激活码批次不存在", "The batch of activation codes does not exist")


@dataclass(frozen=True)
class Batch:
    """A batch as it was generated."""

    id: uuid.UUID
    note: str | None
    valid_days: int
    days_from: str
    redeem_before: datetime.datetime | None
    create_time: datetime.datetime
    admin_account_id: uuid.UUID

    def is_too_late(self, now: datetime.datetime) -> bool:
        """Returns whether its codes can no longer be redeemed at `now`."""
        return self.redeem_before is not None and self.redeem_before <= now


@dataclass(frozen=True)
class CountedBatch:
    """A batch and the number of its codes by effective status; statuses without codes may be missing."""

    batch: Batch
    counts: Mapping[str, int]
    # The e-mail of the admin who generated it; "" if it is not known.
    created_by: str = ""


_COLUMNS = tuple(_batch[name] for name in Batch.__dataclass_fields__)


def store(connection: Connection, batch: Batch) -> None:
    """Stores a new batch, without its codes."""
    connection.execute(insert(code_batches).values(vars(batch)))


def read_batches(
    connection: Connection, size: int, after: Position | None, now: datetime.datetime
) -> tuple[Sequence[CountedBatch], Position | None]:
    """Returns at most `size` batches after `after`, newest first, and the position of the next page, if any.

    Needs a transaction of one snapshot, so that the numbers agree.
    """
    found = newest(connection, size + 1, after)
    batches = found[:size]
    following = Position(batches[-1].create_time, batches[-1].id) if len(found) > size else None
    return _counted(connection, batches, now), following


def newest(connection: Connection, size: int, after: Position | None = None) -> list[Batch]:
    """Returns at most `size` batches after `after`, newest first."""
    page = select(*_COLUMNS).order_by(*_NEWEST_FIRST).limit(size)
    if after is not None:
        last = tuple_(literal(after.time, IsoTime), literal(after.id))
        page = page.where(tuple_(_batch.create_time, _batch.id) < last)
    return [Batch(*row) for row in connection.execute(page)]


def revoke(connection: Connection, batch_id: uuid.UUID, now: datetime.datetime) -> tuple[CountedBatch, int]:
    """Revokes the batch's codes that can be redeemed, and returns the batch and their number.

    Needs a transaction. Idempotent: a repeat revokes none. Raises BatchNotFoundError.
    """
    # Concurrent calls for a batch wait here, since they would lock its codes in different orders.
    marking = update(code_batches).where(_batch.id == batch_id).values(revoke_time=now).returning(*_COLUMNS)
    row = connection.execute(marking).one_or_none()
    if row is None:
        raise BatchNotFoundError
    revocation = (
        update(activation_codes)
        .where(_code.batch_id == batch_id, has_status(PENDING, now))
        .values(activation_status=REVOKED, update_time=now)
    )
    revoked = connection.execute(revocation).rowcount
    return _counted(connection, [Batch(*row)], now)[0], revoked


def was_revoked_since(connection: Connection, batch_id: uuid.UUID, time: datetime.datetime) -> bool:
    """Returns whether the batch was revoked at `time` or later, and keeps it from being revoked until the end.

    Needs a transaction.
    """
    revoked = select(_batch.revoke_time).where(_batch.id == batch_id).with_for_update(read=True)
    revoke_time = connection.execute(revoked).scalar_one_or_none()
    return revoke_time is not None and revoke_time >= time


def _counted(connection: Connection, batches: Sequence[Batch], now: datetime.datetime) -> list[CountedBatch]:
    # The columns are those of one index, which is enough for the query. That pending codes are too late to be
    # redeemed is known by the batch.
    status = case((is_over(now), EXPIRED), else_=_code.activation_status)
    query = (
        select(_code.batch_id, status, func.count())
        .where(_code.batch_id.in_([batch.id for batch in batches]))
        .group_by(_code.batch_id, status)
    )
    rows = connection.execute(query).all() if batches else []
    return [
        CountedBatch(batch, _totals(batch, ((row[1], row[2]) for row in rows if row[0] == batch.id), now))
        for batch in batches
    ]


def _totals(batch: Batch, numbers: Iterable[tuple[str, int]], now: datetime.datetime) -> Mapping[str, int]:
    totals = dict(numbers)
    if batch.is_too_late(now):
        totals[EXPIRED] = totals.get(EXPIRED, 0) + totals.pop(PENDING, 0)
    return totals
