"""Reports of the outcome of handed-out cookies, and their effect on a cookie's health."""

import datetime
import uuid

from sqlalchemy import Connection, bindparam, select, update

from services.wechat_cookie.cookies import health
from services.wechat_cookie.cookies.cookie import COLUMNS, Cookie
from services.wechat_cookie.cookies.errors import AcquisitionNotFoundError
from services.wechat_cookie.cookies.health import HealthReason
from services.wechat_cookie.cookies.tables import acquisitions, cookies

_FIRST_REPORT = (
    update(acquisitions)
    .where(acquisitions.c.id == bindparam("acquisition"), acquisitions.c.outcome.is_(None))
    .values(outcome=bindparam("reported"), reported_time=bindparam("now"))
    .returning(acquisitions.c.cookie_id, acquisitions.c.owner_id, acquisitions.c.acquired_time)
)
_COOKIE_OF = select(acquisitions.c.cookie_id).where(acquisitions.c.id == bindparam("acquisition"))
_REPORTED = select(*COLUMNS).where(cookies.c.id == bindparam("cookie"))


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
        match outcome:
            case "dead":
                health.ended(connection, first.owner_id, cookie_id, HealthReason.REPORTED, now)
            case "rate_limited":
                health.limited(connection, cookie_id, first.acquired_time, HealthReason.REPORTED, now)
            case "ok":
                health.heard_ok(connection, cookie_id, first.acquired_time, now)
    if cookie_id is None:
        raise AcquisitionNotFoundError
    row = connection.execute(_REPORTED, {"cookie": cookie_id}).one_or_none()
    return "dead" if row is None else Cookie(*row).health_at(now)
