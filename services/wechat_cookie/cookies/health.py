"""Changes of a cookie's health, each with its cause. Only what WeChat said changes it, never a failure to ask."""

import datetime
import enum
import uuid

from sqlalchemy import (
    BindParameter,
    Connection,
    DateTime,
    Integer,
    Interval,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    update,
)

from services.wechat_cookie.cookies import owners
from services.wechat_cookie.cookies.tables import cookies

# WeChat's limits last from one hour to a day, so each consecutive one doubles the pause up to that.
LONGEST_PAUSE_HOURS = 24
# `checked_time` is exact to this, so that a cookie in use is not written at every call.
CHECKED_WITHIN = datetime.timedelta(minutes=5)
_ENOUGH_DOUBLINGS = 5


class HealthReason(enum.StrEnum):
    """Why a cookie is dead or cooling down."""

    RET_200003 = "RET_200003"
    """WeChat answered that the session is invalid."""
    RET_200040 = "RET_200040"
    """WeChat answered that the token is not this session's."""
    RET_200013 = "RET_200013"
    """WeChat answered that there were too many requests."""
    REPORTED = "REPORTED"
    """A program that used the cookie reported it."""
    HOME_PAGE_LOGGED_OUT = "HOME_PAGE_LOGGED_OUT"
    """The session's home page says that the login has ended."""


# By id, not by token: a cookie that has replaced this one is another session.
_THE_COOKIE = cookies.c.id == bindparam("cookie")
_NOT_DEAD = cookies.c.health != "dead"
# Several programs may have the cookie when WeChat limits it. The first report starts the pause. Answers to requests
# from before neither prolong the pause nor end it.
_IS_NEWER = func.coalesce(cookies.c.limited_time <= bindparam("since"), True)
_NOW = bindparam("now", type_=DateTime(timezone=True))
_REASON: BindParameter[str] = bindparam("reason")

_DEAD = (
    update(cookies)
    .where(_THE_COOKIE, _NOT_DEAD)
    .values(health="dead", cooling_until=None, health_reason=_REASON, health_time=_NOW, checked_time=_NOW)
    .returning(cookies.c.id)
)
_HOURS = cast(func.least(func.power(2, cookies.c.limited_count), LONGEST_PAUSE_HOURS), Integer)
_PAUSE = func.make_interval(0, 0, 0, 0, _HOURS, type_=Interval)
_LIMITED = (
    update(cookies)
    .where(_THE_COOKIE, _NOT_DEAD, _IS_NEWER)
    .values(
        health="cooling_down",
        cooling_until=_NOW + _PAUSE,
        limited_time=_NOW,
        limited_count=func.least(cookies.c.limited_count + 1, _ENOUGH_DOUBLINGS),
        health_reason=_REASON,
        health_time=_NOW,
        checked_time=_NOW,
    )
)
_OK = (
    update(cookies)
    .where(
        _THE_COOKIE,
        _NOT_DEAD,
        _IS_NEWER,
        or_(
            cookies.c.health != "ok",
            cookies.c.limited_count > 0,
            cookies.c.checked_time < _NOW - literal(CHECKED_WITHIN),
        ),
    )
    .values(
        health="ok",
        cooling_until=None,
        limited_time=None,
        limited_count=0,
        health_reason=null(),
        # A cookie has been ok since the end of its pause.
        health_time=case(
            (cookies.c.health == "ok", cookies.c.health_time), else_=func.least(cookies.c.cooling_until, _NOW)
        ),
        checked_time=_NOW,
    )
)
_ALIVE = update(cookies).where(_THE_COOKIE).values(checked_time=_NOW)


def ended(
    connection: Connection,
    owner_id: uuid.UUID,
    cookie_id: uuid.UUID,
    reason: HealthReason,
    now: datetime.datetime,
) -> bool:
    """The session has ended: the cookie is dead, and if it was current, the newest usable one becomes current.

    Returns whether it was not dead before. Idempotent: the first cause is kept. Locks the owner's cookies.
    """
    owners.lock(connection, owner_id)
    values = {"cookie": cookie_id, "reason": reason.value, "now": now}
    if connection.execute(_DEAD, values).one_or_none() is None:
        return False
    owners.hand_over(connection, owner_id, now)
    return True


def limited(
    connection: Connection,
    cookie_id: uuid.UUID,
    since: datetime.datetime,
    reason: HealthReason,
    now: datetime.datetime,
) -> bool:
    """WeChat limits the rate: the cookie cools down for an hour, doubled each time in a row up to a day.

    `since` is when the request was made, or the cookie handed out. Returns whether this has started a pause.
    """
    values = {"cookie": cookie_id, "since": since, "reason": reason.value, "now": now}
    return connection.execute(_LIMITED, values).rowcount == 1


def heard_ok(
    connection: Connection, cookie_id: uuid.UUID, since: datetime.datetime, now: datetime.datetime
) -> None:
    """The session works: ends a pause and its doubling, unless it began after `since`. A dead cookie stays dead."""
    connection.execute(_OK, {"cookie": cookie_id, "since": since, "now": now})


def heard_alive(connection: Connection, cookie_id: uuid.UUID, now: datetime.datetime) -> None:
    """The session exists, which says nothing about rate limits: the health is not changed."""
    connection.execute(_ALIVE, {"cookie": cookie_id, "now": now})
