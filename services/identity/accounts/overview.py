"""The counts of the overview, from maintained counts and, for parts of a day, short ranges of an index."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, or_, select

from services.chassis.identity.statuses import ACTIVE, EXPIRED, PENDING, REVOKED, USER_ROLE
from services.chassis.postgres.database import Database
from services.identity.tables import accounts, overview_count_deltas

# The days of the chart, and for how many days sign-ins are kept.
CHART_DAYS = 30
KEPT_DAYS = 45
WEEK, MONTH = datetime.timedelta(days=7), datetime.timedelta(days=30)
SIGN_IN = "sign_in"
ADMIN = "admin"


@dataclass(frozen=True)
class Overview:
    """The numbers of users by state, of admins, and of sign-ins by day, oldest first."""

    pending: int
    active: int
    expired: int
    revoked: int
    admins: int
    lapsing_in_7_days: int
    lapsing_in_30_days: int
    sign_ins: Sequence[tuple[datetime.date, int]]


_kept = overview_count_deltas.c


def _sum(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(_kept.delta).filter(and_(*conditions)), 0)


def _on(day: str) -> ColumnElement[datetime.date]:
    return bindparam(day, type_=_kept.day.type)


def _ending(start: str, end: str) -> ColumnElement[int]:
    """SQL for the number of users whose access ends after the moment `start`, up to `end`, both of one day."""
    ends = accounts.c.expired_time
    return (
        select(func.count())
        .where(
            accounts.c.activation_status == ACTIVE,
            accounts.c.role == USER_ROLE,
            ends >= bindparam(start, type_=ends.type),
            ends <= bindparam(end, type_=ends.type),
        )
        .scalar_subquery()
    )


_OVERVIEW = select(
    _sum(_kept.kind == PENDING).label("pending"),
    _sum(_kept.kind == ACTIVE, _kept.day >= _on("today")).label("active_today"),
    _sum(or_(_kept.kind == EXPIRED, and_(_kept.kind == ACTIVE, _kept.day < _on("today")))).label(
        "expired_before"
    ),
    _sum(_kept.kind == REVOKED).label("revoked"),
    _sum(_kept.kind == ADMIN).label("admins"),
    _sum(_kept.kind == ACTIVE, _kept.day >= _on("today"), _kept.day < _on("week_day")).label(
        "before_week_day"
    ),
    _sum(_kept.kind == ACTIVE, _kept.day >= _on("today"), _kept.day < _on("month_day")).label(
        "before_month_day"
    ),
    # Of the first and the last day of each span, only a part counts.
    _ending("today_start", "now").label("lapsed_today"),
    _ending("week_day_start", "week_end").label("on_week_day"),
    _ending("month_day_start", "month_end").label("on_month_day"),
).where(_kept.kind != SIGN_IN)
_SIGN_INS = (
    select(_kept.day, func.sum(_kept.delta).label("number"))
    .where(_kept.kind == SIGN_IN, _kept.day > _on("before"), _kept.day <= _on("today"))
    .group_by(_kept.day)
)
_PRUNE = delete(overview_count_deltas).where(_kept.kind == SIGN_IN, _kept.day <= _on("before"))


def overview(connection: Connection, now: datetime.datetime) -> Overview:
    """Returns the counts at `now`. Needs a transaction of one snapshot."""
    today = _day(now)
    values: dict[str, object] = {"now": now, "today": today, "today_start": _start(today)}
    for name, span in (("week", WEEK), ("month", MONTH)):
        values[f"{name}_end"] = now + span
        values[f"{name}_day"] = _day(now + span)
        values[f"{name}_day_start"] = _start(_day(now + span))
    row = connection.execute(_OVERVIEW, values).one()
    days = [today - datetime.timedelta(days=back) for back in reversed(range(CHART_DAYS))]
    before = today - datetime.timedelta(days=CHART_DAYS)
    counted = {
        one.day: one.number for one in connection.execute(_SIGN_INS, {"before": before, "today": today})
    }
    return Overview(
        pending=int(row.pending),
        active=int(row.active_today) - row.lapsed_today,
        expired=int(row.expired_before) + row.lapsed_today,
        revoked=int(row.revoked),
        admins=int(row.admins),
        lapsing_in_7_days=int(row.before_week_day) - row.lapsed_today + row.on_week_day,
        lapsing_in_30_days=int(row.before_month_day) - row.lapsed_today + row.on_month_day,
        sign_ins=[(day, int(counted.get(day, 0))) for day in days],
    )


def prune(database: Database, now: Callable[[], datetime.datetime]) -> int:
    """Deletes the counts of sign-ins of days that are not shown any more and returns their number."""
    with database.transaction() as connection:
        before = _day(now()) - datetime.timedelta(days=KEPT_DAYS)
        return connection.execute(_PRUNE, {"before": before}).rowcount


def _day(moment: datetime.datetime) -> datetime.date:
    return moment.astimezone(datetime.UTC).date()


def _start(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC)
