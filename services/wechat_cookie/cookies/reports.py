"""Reports of the outcome of handed-out cookies, and their effect on a cookie's health."""

import datetime
import uuid

from sqlalchemy import Connection, DateTime, Integer, Interval, bindparam, cast, func, select, update

from services.wechat_cookie.cookies.cookie import COLUMNS, Cookie
from services.wechat_cookie.cookies.errors import AcquisitionNotFoundError
from services.wechat_cookie.cookies.tables import acquisitions, cookies

# WeChat's limits last from one hour to a day, so each consecutive one doubles the pause up to that.
LONGEST_PAUSE_HOURS = 24
_ENOUGH_DOUBLINGS = 5

_FIRST_REPORT = (
    update(acquisitions)
    .where(acquisitions.c.id == bindparam("acquisition"), acquisitions.c.outcome.is_(None))
    .values(outcome=bindparam("reported"), reported_time=bindparam("now"))
    .returning(acquisitions.c.cookie_id, acquisitions.c.acquired_time)
)
_COOKIE_OF = select(acquisitions.c.cookie_id).where(acquisitions.c.id == bindparam("acquisition"))
_REPORTED = select(*COLUMNS).where(cookies.c.id == bindparam("cookie"))

# By id, not by token: a cookie that has replaced this one is another session.
_THE_COOKIE = cookies.c.id == bindparam("cookie")
# Several programs may have the cookie when WeChat limits it. The first report starts the pause. Reports of
# hand-outs from before neither prolong the pause nor end it.
_IS_NEWER = func.coalesce(cookies.c.limited_time <= bindparam("acquired"), True)
_NOT_DEAD = cookies.c.health != "dead"

_DEAD = update(cookies).where(_THE_COOKIE).values(health="dead", cooling_until=None)
_HOURS = cast(func.least(func.power(2, cookies.c.limited_count), LONGEST_PAUSE_HOURS), Integer)
_PAUSE = func.make_interval(0, 0, 0, 0, _HOURS, type_=Interval)
_NOW = bindparam("now", type_=DateTime(timezone=True))
_RATE_LIMITED = (
    update(cookies)
    .where(_THE_COOKIE, _NOT_DEAD, _IS_NEWER)
    .values(
        health="cooling_down",
        cooling_until=_NOW + _PAUSE,
        limited_time=_NOW,
        limited_count=func.least(cookies.c.limited_count + 1, _ENOUGH_DOUBLINGS),
    )
)
_OK = (
    update(cookies)
    .where(_THE_COOKIE, _NOT_DEAD, _IS_NEWER)
    .values(health="ok", cooling_until=None, limited_time=None, limited_count=0)
)
# "error" has no effect on the cookie.
_EFFECTS = {"dead": _DEAD, "rate_limited": _RATE_LIMITED, "ok": _OK}


def report(connection: Connection, acquisition_id: uuid.UUID, outcome: str, now: datetime.datetime) -> str:
    """Records the outcome of a hand-out and updates the cookie's health. Returns the health at `now`.

    Only the first report of a hand-out counts; a retry changes nothing. A deleted cookie is "dead". Raises
    AcquisitionNotFoundError if there is no such hand-out.
    """
    values = {"acquisition": acquisition_id, "reported": outcome, "now": now}
    first = connection.execute(_FIRST_REPORT, values).one_or_none()
    if first is None:
        cookie_id = connection.execute(_COOKIE_OF, {"acquisition": acquisition_id}).scalar()
    else:
        cookie_id = first.cookie_id
        if outcome in _EFFECTS:
            known = {"cookie": cookie_id, "acquired": first.acquired_time, "now": now}
            connection.execute(_EFFECTS[outcome], known)
    if cookie_id is None:
        raise AcquisitionNotFoundError
    row = connection.execute(_REPORTED, {"cookie": cookie_id}).one_or_none()
    return "dead" if row is None else Cookie(*row).health_at(now)
