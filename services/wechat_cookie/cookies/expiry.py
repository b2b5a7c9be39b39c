"""Deletes expired cookies, and records that are no longer needed."""

import datetime
import uuid

from sqlalchemy import Connection, bindparam, delete, func, select

from services.wechat_cookie.cookies import owners
from services.wechat_cookie.cookies.tables import acquisitions, cookies, deleted_owners

# Far longer than the lifetime of a cookie, so that its users can still be determined.
ACQUISITIONS_KEPT = datetime.timedelta(days=90)
# Far longer than a login can take.
DELETED_OWNERS_KEPT = datetime.timedelta(days=1)
OWNERS_BATCH = 500

_OWNERS = (
    select(cookies.c.owner_id).where(cookies.c.expire_time <= bindparam("now")).distinct().limit(OWNERS_BATCH)
)
_EXPIRED = (
    delete(cookies)
    .where(cookies.c.owner_id == bindparam("owner"), cookies.c.expire_time <= bindparam("now"))
    .returning(cookies.c.token)
)
_NEXT = select(func.min(cookies.c.expire_time))


def owners_of_expired(connection: Connection, now: datetime.datetime) -> list[uuid.UUID]:
    """Returns owners with cookies that have expired at `now`, at most OWNERS_BATCH."""
    return list(connection.execute(_OWNERS, {"now": now}).scalars())


def remove_expired(connection: Connection, owner_id: uuid.UUID, now: datetime.datetime) -> int:
    """Deletes the owner's expired cookies and returns their number.

    If one of them was current, the newest usable cookie becomes it, or else the newest.

    The announcement makes replicas delete the folders. Idempotent.
    """
    owners.lock(connection, owner_id)
    removed = list(connection.execute(_EXPIRED, {"owner": owner_id, "now": now}).scalars())
    owners.ensure_current(connection, owner_id, now)
    owners.announce(connection, removed)
    return len(removed)


def next_expiry(connection: Connection) -> datetime.datetime | None:
    """Returns the time when the next cookie expires, or None if there are no cookies."""
    time: datetime.datetime | None = connection.execute(_NEXT).scalar_one()
    return time


def delete_old_records(connection: Connection, now: datetime.datetime) -> None:
    """Deletes records of hand-outs and of deleted owners after their retention time. Idempotent."""
    old_acquisitions = acquisitions.c.acquired_time <= now - ACQUISITIONS_KEPT
    connection.execute(delete(acquisitions).where(old_acquisitions))
    old_owners = deleted_owners.c.deleted_time <= now - DELETED_OWNERS_KEPT
    connection.execute(delete(deleted_owners).where(old_owners))
