"""Numbers for the overview page: codes by state, the newest batches, and the redemptions of the last days."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from services.activation.codes.batches import CountedBatch, read_batches
from services.activation.codes.listing import Filter, count_matching, is_over, is_too_late
from services.activation.tables import activation_codes
from services.chassis.identity.statuses import ACTIVE, EXPIRED, PENDING, REVOKED

BATCHES = 10
DAYS = 30

_code = activation_codes.c
# The first ten characters of a stored time.
_DAY = func.left(_code.activation_time, 10)


@dataclass(frozen=True)
class Overview:
    """The number of codes by effective state, the newest batches, and redemptions by day in UTC, oldest first."""

    counts: Mapping[str, int]
    batches: Sequence[CountedBatch]
    redemptions: Sequence[tuple[datetime.date, int]]


def read_overview(connection: Connection, now: datetime.datetime) -> Overview:
    """Returns the numbers at `now`. Needs a transaction of one snapshot, so that they agree.

    Everything is counted in indexes alone. Pending codes are not counted: they are all codes but the others.
    """
    batches, _ = read_batches(connection, BATCHES, None, now)
    return Overview(_counts(connection, now), batches, _redemptions(connection, now))


def _counts(connection: Connection, now: datetime.datetime) -> Mapping[str, int]:
    total = count_matching(connection, Filter(), now)
    by_status = (
        select(_code.activation_status, func.count())
        .where(_code.activation_status.in_((ACTIVE, EXPIRED, REVOKED)))
        .group_by(_code.activation_status)
    )
    stored: dict[str, int] = dict(connection.execute(by_status).all())
    over, too_late = (
        connection.execute(select(func.count()).select_from(activation_codes).where(condition)).scalar_one()
        for condition in (is_over(now), is_too_late(now))
    )
    return {
        PENDING: total - sum(stored.values()) - too_late,
        ACTIVE: stored.get(ACTIVE, 0) - over,
        EXPIRED: stored.get(EXPIRED, 0) + over + too_late,
        REVOKED: stored.get(REVOKED, 0),
    }


def _redemptions(connection: Connection, now: datetime.datetime) -> Sequence[tuple[datetime.date, int]]:
    today = now.astimezone(datetime.UTC).date()
    days = [today - datetime.timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    begin = datetime.datetime.combine(days[0], datetime.time(), datetime.UTC)
    query = select(_DAY, func.count()).where(_code.activation_time >= begin).group_by(_DAY)
    counts: dict[str, int] = dict(connection.execute(query).all())
    return [(day, counts.get(day.isoformat(), 0)) for day in days]
