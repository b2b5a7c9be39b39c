"""Choosing and deleting cookies of an owner."""

import datetime
import uuid

from sqlalchemy import Connection, bindparam, select, update

from services.wechat_cookie.cookies import owners, pending_logouts
from services.wechat_cookie.cookies.cookie import COLUMNS, Cookie
from services.wechat_cookie.cookies.errors import CookieNotFoundError
from services.wechat_cookie.cookies.tables import cookies

_OWN = (cookies.c.owner_id == bindparam("owner"), cookies.c.token == bindparam("wanted"))
_UNEXPIRED = select(*COLUMNS).where(*_OWN, cookies.c.expire_time > bindparam("now"))
_CHOOSE = update(cookies).where(*_OWN).values(is_current=True).returning(*COLUMNS)
_DELETE = pending_logouts.deletion_with_logout(*_OWN)


def make_current(
    connection: Connection, owner_id: uuid.UUID, token: str, now: datetime.datetime
) -> tuple[Cookie, bool]:
    """Makes the owner's cookie of this token the current one. Returns it, and whether it was not current before.

    Idempotent. Raises CookieNotFoundError if the owner has no such unexpired cookie.
    """
    owners.lock(connection, owner_id)
    found = connection.execute(_UNEXPIRED, {"owner": owner_id, "wanted": token, "now": now}).one_or_none()
    if found is None:
        raise CookieNotFoundError
    if found.is_current:
        return Cookie(*found), False
    owners.choose_none(connection, owner_id)
    return Cookie(*connection.execute(_CHOOSE, {"owner": owner_id, "wanted": token}).one()), True


def delete_cookie(
    connection: Connection, owner_id: uuid.UUID, token: str, now: datetime.datetime
) -> uuid.UUID:
    """Deletes the owner's cookie of this token and returns its id.

    If it was current, the newest usable one left becomes it, or else the newest.

    `Folders.sync` must be called after the commit to delete the folder. The session is logged out at WeChat. Raises
    CookieNotFoundError if the owner has no such cookie.
    """
    owners.lock(connection, owner_id)
    deleted: uuid.UUID | None = connection.scalar(_DELETE, {"owner": owner_id, "wanted": token})
    if deleted is None:
        raise CookieNotFoundError
    owners.ensure_current(connection, owner_id, now)
    owners.announce(connection, [token])
    return deleted
