"""The counts of the overview, from maintained counts."""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from services.wechat_cookie.cookies.tables import cookie_count_deltas, cookies

_HOUR = datetime.timedelta(hours=1)
_kept = cookie_count_deltas.c
_COUNTS = (
    select(_kept.health, _kept.hour, func.sum(_kept.delta))
    .where(_kept.hour >= bindparam("present_hour", type_=_kept.hour.type))
    .group_by(_kept.health, _kept.hour)
)
# A cookie whose cooling time is over is ok again, without a write.
_COOLING = select(func.count()).where(
    cookies.c.health == "cooling_down",
    cookies.c.cooling_until > bindparam("now"),
    cookies.c.expire_time > bindparam("now"),
)


@dataclass(frozen=True)
class Overview:
    """The numbers of cookies by health, and by the hour in which they expire.

    `hours_left` has (hours, number) pairs, soonest first; 0 is the present hour.
    """

    ok: int
    cooling_down: int
    dead: int
    hours_left: Sequence[tuple[int, int]]


def overview(connection: Connection, now: datetime.datetime) -> Overview:
    """Returns the counts at `now`. Needs a transaction of one snapshot.

    An expired cookie counts until it is removed, within seconds, or its hour is over.
    """
    present = now.astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)
    by_health: Counter[str] = Counter()
    by_hour: Counter[int] = Counter()
    for health, hour, number in connection.execute(_COUNTS, {"present_hour": present}):
        by_health[health] += int(number)
        by_hour[(hour - present) // _HOUR] += int(number)
    cooling = int(connection.execute(_COOLING, {"now": now}).scalar_one())
    return Overview(
        ok=by_health["ok"] + by_health["cooling_down"] - cooling,
        cooling_down=cooling,
        dead=by_health["dead"],
        hours_left=sorted((hours, number) for hours, number in by_hour.items() if number),
    )
