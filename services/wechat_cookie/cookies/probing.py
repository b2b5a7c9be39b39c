"""Which cookie is to be probed next: one without news for long, and never two of an account at a time."""

import datetime
import uuid
from dataclasses import dataclass, field

from sqlalchemy import (
    Connection,
    DateTime,
    Float,
    Interval,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)

from services.wechat_cookie.cookies import owners
from services.wechat_cookie.cookies.tables import cookies

# Of the time without news after which a cookie is probed, so that those of one hour are not probed in one hour.
SPREAD = 0.2
# Far longer than a probe.
LEASE = datetime.timedelta(minutes=1)
# After a probe that failed to ask, or whose replica died.
RETRY = datetime.timedelta(minutes=15)


@dataclass(frozen=True)
class Probe:
    """A cookie to probe. `jar` is encrypted."""

    cookie_id: uuid.UUID
    owner_id: uuid.UUID
    token: str = field(repr=False)
    jar: bytes = field(repr=False)


_NOW = bindparam("now", type_=DateTime(timezone=True))
# From 0 to 1, the same for a cookie at every time and replica.
_FRACTION = cast(func.hashtext(cast(cookies.c.id, Text)), Float) / 2.0**32 + 0.5
_SPREAD_SECONDS = bindparam("spread_seconds", type_=Float) * _FRACTION
_DUE = and_(
    # The first condition, without the cookie's own fraction, is for the index.
    cookies.c.checked_time <= bindparam("may_be_due", type_=_NOW.type),
    cookies.c.checked_time
    <= bindparam("is_due", type_=_NOW.type)
    + func.make_interval(0, 0, 0, 0, 0, 0, _SPREAD_SECONDS, type_=Interval),
    cookies.c.health != "dead",
    cookies.c.expire_time > _NOW,
    or_(cookies.c.cooling_until.is_(None), cookies.c.cooling_until <= _NOW),
    or_(cookies.c.probe_after.is_(None), cookies.c.probe_after <= _NOW),
)
_NEXT = select(cookies.c.id, cookies.c.owner_id).where(_DUE).order_by(cookies.c.checked_time).limit(1)
_CLAIM = (
    update(cookies)
    .where(cookies.c.id == bindparam("cookie"), _DUE)
    .values(probe_after=_NOW + literal(RETRY))
    .returning(cookies.c.id, cookies.c.owner_id, cookies.c.token, cookies.c.jar)
)
_HOLD_OTHERS = (
    update(cookies)
    .where(cookies.c.owner_id == bindparam("owner"), cookies.c.id != bindparam("cookie"))
    .values(probe_after=func.greatest(cookies.c.probe_after, _NOW + literal(LEASE)))
)


def claim(connection: Connection, period: datetime.timedelta, now: datetime.datetime) -> Probe | None:
    """Claims the cookie that was not heard of for the longest time, if it is due. Needs a transaction.

    A cookie is due when nothing was heard for `period`, or up to SPREAD less. It is due again after RETRY unless
    something is heard, and the owner's other cookies are not before the end of LEASE. Returns None if nothing is
    due, or another replica was faster.
    """
    spread = period * SPREAD
    times = {"now": now, "is_due": now - period, "may_be_due": now - period + spread}
    values = {**times, "spread_seconds": spread.total_seconds()}
    due = connection.execute(_NEXT, values).one_or_none()
    if due is None:
        return None
    # Under the lock, no other replica claims another cookie of this owner.
    owners.lock(connection, due.owner_id)
    row = connection.execute(_CLAIM, {**values, "cookie": due.id}).one_or_none()
    if row is None:
        return None
    connection.execute(_HOLD_OTHERS, {"owner": due.owner_id, "cookie": due.id, "now": now})
    return Probe(*row)
