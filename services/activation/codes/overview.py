"""The counts of the overview, from maintained counts and, for parts of a day, short ranges of an index."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, or_, select

from services.activation.codes.batches import Batch, newest
from services.activation.codes.iso_time import IsoTime
from services.activation.tables import activation_codes, overview_count_deltas
from services.chassis.identity.statuses import ACTIVE, EXPIRED, PENDING, REVOKED
from services.chassis.postgres.database import Database

BATCHES = 10
DAYS = 30
REDEEMED = "redeemed"
# Followed by the batch's id.
STOCK = "stock "

_code = activation_codes.c
_kept = overview_count_deltas.c
_TODAY = bindparam("today", type_=_kept.day.type)


@dataclass(frozen=True)
class Overview:
    """The number of codes by effective state; the newest batches, and how many codes of each can be redeemed; and
    redemptions by day in UTC, oldest first.
    """

    counts: Mapping[str, int]
    stock: Sequence[tuple[Batch, int]]
    redemptions: Sequence[tuple[datetime.date, int]]


def _sum(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(_kept.delta).filter(and_(*conditions)), 0)


def _reached_today(status: str, end: ColumnElement[datetime.datetime]) -> ColumnElement[int]:
    """SQL for the number of codes with the stored status that have reached `end` since the day began."""
    begin, now = (bindparam(name, type_=IsoTime) for name in ("day_began", "now"))
    codes = select(func.count()).where(_code.activation_status == status, end >= begin, end <= now)
    return codes.scalar_subquery()


_COUNTS = select(
    _sum(_kept.kind == PENDING, _kept.day >= _TODAY).label("pending"),
    _sum(_kept.kind == ACTIVE, _kept.day >= _TODAY).label("active"),
    _sum(or_(_kept.kind == EXPIRED, _kept.day < _TODAY)).label("expired"),
    _sum(_kept.kind == REVOKED).label("revoked"),
    _reached_today(PENDING, _code.redeem_before).label("too_late_today"),
    _reached_today(ACTIVE, _code.expiry_date).label("over_today"),
).where(_kept.kind.in_((PENDING, ACTIVE, EXPIRED, REVOKED)))
_BY_KIND_AND_DAY = (
    # Python has no date for the "infinity" of stocks.
    select(_kept.kind, case((_kept.kind == REDEEMED, _kept.day)), func.sum(_kept.delta))
    .where(
        or_(
            and_(_kept.kind == REDEEMED, _kept.day >= bindparam("first", type_=_kept.day.type)),
            _kept.kind.in_(bindparam("stock", expanding=True)),
        )
    )
    .group_by(_kept.kind, _kept.day)
)


@dataclass(frozen=True)
class Overviews:
    """Implements GetOverview. Thread-safe. `now` returns an aware datetime."""

    database: Database
    now: Callable[[], datetime.datetime]

    def read(self) -> Overview:
        """See read_overview()."""
        with self.database.snapshot() as connection:
            return read_overview(connection, self.now())


def redeemable(connection: Connection, now: datetime.datetime) -> int:
    """Returns the number of codes that can be redeemed at `now`."""
    row = connection.execute(_COUNTS, _moment(now)).one()
    return int(row.pending) - int(row.too_late_today)


def _moment(now: datetime.datetime) -> dict[str, object]:
    today = now.astimezone(datetime.UTC).date()
    day_began = datetime.datetime.combine(today, datetime.time(), datetime.UTC)
    return {"today": today, "day_began": day_began, "now": now}


def read_overview(connection: Connection, now: datetime.datetime) -> Overview:
    """Returns the counts at `now`. Needs a transaction of one snapshot, so that they agree."""
    today = now.astimezone(datetime.UTC).date()
    days = [today - datetime.timedelta(days=ago) for ago in reversed(range(DAYS))]
    row = connection.execute(_COUNTS, _moment(now)).one()
    batches = newest(connection, BATCHES)
    values = {"first": days[0], "stock": [f"{STOCK}{batch.id}" for batch in batches]}
    counted = {(kind, day): int(count) for kind, day, count in connection.execute(_BY_KIND_AND_DAY, values)}
    stock = {kind: count for (kind, _), count in counted.items()}
    return Overview(
        {
            PENDING: int(row.pending) - row.too_late_today,
            ACTIVE: int(row.active) - row.over_today,
            EXPIRED: int(row.expired) + row.too_late_today + row.over_today,
            REVOKED: int(row.revoked),
        },
        [(one, 0 if one.is_too_late(now) else stock.get(f"{STOCK}{one.id}", 0)) for one in batches],
        [(day, counted.get((REDEEMED, day), 0)) for day in days],
    )
