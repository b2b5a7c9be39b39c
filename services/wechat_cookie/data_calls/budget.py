"""The budget of a cookie: its data calls within any hour, and the pause between two. Exact over all replicas.

A call is counted in the cookie's row, by one UPDATE that has no effect without budget, before it is made.
"""

import datetime
import uuid
from dataclasses import dataclass, field

from sqlalchemy import (
    Connection,
    DateTime,
    Integer,
    Interval,
    bindparam,
    desc,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import array

from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.data_calls.errors import (
    BudgetExhaustedError,
    NoUsableCookieError,
    RateLimitedError,
)
from services.wechat_cookie.data_calls.limits import BudgetLimits

HOUR = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Taken:
    """The cookie for one data call, whose budget has been charged. `jar` is encrypted."""

    cookie_id: uuid.UUID
    token: str = field(repr=False)
    jar: bytes = field(repr=False)


Refusal = NoUsableCookieError | BudgetExhaustedError | RateLimitedError

_NOW = bindparam("now", type_=DateTime(timezone=True))
_MOST = bindparam("most", type_=Integer)
_OF_OWNER = cookies.c.owner_id == bindparam("owner")
_times = cookies.c.request_times
_count = func.cardinality(_times)
# The call that must be an hour ago before the next one; NULL if there were fewer than the limit.
_OLDEST_COUNTED = _times[_count - _MOST + 1]
_FREE_FROM = func.greatest(
    cookies.c.cooling_until, cookies.c.next_request_time, _OLDEST_COUNTED + literal(HOUR), type_=_NOW.type
)
_ALIVE = (cookies.c.health != "dead", cookies.c.expire_time > _NOW)
_IS_FREE = (*_ALIVE, or_(_FREE_FROM.is_(None), _FREE_FROM <= _NOW))
_BEST = (
    select(cookies.c.id)
    .where(_OF_OWNER, *_IS_FREE)
    .order_by(desc(cookies.c.is_current), _times[_count].asc().nulls_first(), cookies.c.id)
    .limit(1)
)
# The conditions are repeated, because PostgreSQL checks them again if another call has changed the row meanwhile.
_TAKE = (
    update(cookies)
    .where(cookies.c.id == _BEST.scalar_subquery(), *_IS_FREE)
    .values(
        request_times=(_times + array([_NOW]))[func.greatest(_count - _MOST + 2, 1) : _count + 1],
        next_request_time=_NOW + bindparam("spacing", type_=Interval),
    )
    .returning(cookies.c.id, cookies.c.token, cookies.c.jar)
)
_STATES = select(
    cookies.c.health, cookies.c.cooling_until, cookies.c.expire_time, _FREE_FROM.label("free_from")
).where(_OF_OWNER)


def take(
    connection: Connection,
    owner_id: uuid.UUID,
    limits: BudgetLimits,
    spacing: datetime.timedelta,
    now: datetime.datetime,
) -> Taken:
    """Counts a data call of one of the owner's cookies and returns the cookie: the current one if it can be used
    now, else the one that can and was used longest ago.

    Needs autocommit, so that each attempt sees what other calls have taken. Raises NoUsableCookieError,
    BudgetExhaustedError, RateLimitedError.
    """
    values = {"owner": owner_id, "most": limits.requests_per_hour, "now": now}
    while True:
        row = connection.execute(_TAKE, {**values, "spacing": spacing}).one_or_none()
        if row is not None:
            return Taken(*row)
        why_not = refusal(connection, owner_id, limits, now)
        if why_not is not None:
            raise why_not
        # Another call took the cookie between the choice and the update, and another one is free.


def refusal(
    connection: Connection, owner_id: uuid.UUID, limits: BudgetLimits, now: datetime.datetime
) -> Refusal | None:
    """Returns why none of the owner's cookies can be used at `now`, or None if one can."""
    states = connection.execute(_STATES, {"owner": owner_id, "most": limits.requests_per_hour}).all()
    alive = [state for state in states if state.health != "dead" and state.expire_time > now]
    if not alive:
        expired = sum(state.expire_time <= now for state in states)
        return NoUsableCookieError(dead=len(states) - expired, expired=expired)
    first = min(alive, key=lambda state: state.free_from or now)
    if first.free_from is None or first.free_from <= now:
        return None
    is_limited = first.cooling_until is not None and first.cooling_until > now
    return (RateLimitedError if is_limited else BudgetExhaustedError)(retry_after=first.free_from - now)
