"""Removes expired cookies, and records that are no longer needed."""

import datetime
import uuid

from sqlalchemy import Connection, bindparam, delete, func, select

from services.wechat_cookie.cookies import owners
from services.wechat_cookie.cookies.tables import acquisitions, cookies, deleted_owners

# Far longer than a cookie lives, so that it can still be found out who had acquired it.
ACQUISITIONS_KEPT = datetime.timedelta(days=90)
# Far longer than a login can take.
DELETED_OWNERS_KEPT = datetime.timedelta(days=1)
OWNERS_AT_ONCE = 500

_OWNERS = (
    select(cookies.c.owner_id)
    .where(cookies.c.expire_time <= bindparam("now"))
    .distinct()
    .limit(OWNERS_AT_ONCE)
)
_EXPIRED = (
    delete(cookies)
    .where(cookies.c.owner_id == bindparam("owner"), cookies.c.expire_time <= bindparam("now"))
    .returning(cookies.c.token)
)
_NEXT = select(func.min(cookies.c.expire_time))


def owners_of_expired(connection: Connection, now: datetime.datetime) -> list[uuid.UUID]:
    """Owners with cookies that are past their time at `now`, at most OWNERS_AT_ONCE."""
    return list(connection.execute(_OWNERS, {"now": now}).scalars())


def remove_expired(connection: Connection, owner_id: uuid.UUID, now: datetime.datetime) -> int:
    """Deletes the owner's expired cookies and sees that one of the others is current. Gives their number.

    The folders go with the announcement. Idempotent.
    """
    owners.lock(connection, owner_id)
    removed = list(connection.execute(_EXPIRED, {"owner": owner_id, "now": now}).scalars())
    owners.ensure_current(connection, owner_id)
    owners.announce(connection, removed)
    return len(removed)


def next_expiry(connection: Connection) -> datetime.datetime | None:
    """When the first of all cookies expires; None when there are none."""
    time: datetime.datetime | None = connection.execute(_NEXT).scalar_one()
    return time


def forget_the_past(connection: Connection, now: datetime.datetime) -> None:
    """Deletes records of hand-outs and of deleted owners that have been kept long enough. Idempotent."""
    old_acquisitions = acquisitions.c.acquired_time <= now - ACQUISITIONS_KEPT
    connection.execute(delete(acquisitions).where(old_acquisitions))
    old_owners = deleted_owners.c.deleted_time <= now - DELETED_OWNERS_KEPT
    connection.execute(delete(deleted_owners).where(old_owners))
