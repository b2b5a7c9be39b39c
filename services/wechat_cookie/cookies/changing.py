"""Chooses and deletes cookies for their owner."""

import datetime
import uuid

from sqlalchemy import Connection, bindparam, select, update

from services.wechat_cookie.cookies import owners, pending_logouts
from services.wechat_cookie.cookies.cookie import COLUMNS, Cookie, cookie_of
from services.wechat_cookie.cookies.errors import CookieNotFoundError
from services.wechat_cookie.cookies.tables import cookies

_OWN = (cookies.c.owner_id == bindparam("owner"), cookies.c.token == bindparam("wanted"))
_UNEXPIRED = select(*COLUMNS).where(*_OWN, cookies.c.expire_time > bindparam("now"))
_CHOOSE = update(cookies).where(*_OWN).values(is_current=True).returning(*COLUMNS)
_DELETE = pending_logouts.deletion_with_logout(*_OWN)


def make_current(
    connection: Connection, owner_id: uuid.UUID, token: str, now: datetime.datetime
) -> tuple[Cookie, bool]:
    """Makes the owner's cookie of this token the current one; returns it, and whether it was not current before.

    Idempotent. Raises CookieNotFoundError.
    """
    owners.lock(connection, owner_id)
    found = connection.execute(_UNEXPIRED, {"owner": owner_id, "wanted": token, "now": now}).one_or_none()
    if found is None:
        raise CookieNotFoundError
    if found.is_current:
        return cookie_of(found), False
    owners.choose_none(connection, owner_id)
    return cookie_of(connection.execute(_CHOOSE, {"owner": owner_id, "wanted": token}).one()), True


def delete_cookie(connection: Connection, owner_id: uuid.UUID, token: str) -> uuid.UUID:
    """Deletes the owner's cookie of this token; if it was the current one, the newest left is from now on.

    Gives the cookie's id. The folder goes with `Folders.sync` after the commit, and WeChat is asked to end the
    session. Raises CookieNotFoundError.
    """
    owners.lock(connection, owner_id)
    deleted: uuid.UUID | None = connection.scalar(_DELETE, {"owner": owner_id, "wanted": token})
    if deleted is None:
        raise CookieNotFoundError
    owners.ensure_current(connection, owner_id)
    owners.announce(connection, [token])
    return deleted
