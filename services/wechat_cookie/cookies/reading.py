"""Reading an owner's cookies."""

import datetime
import uuid

from sqlalchemy import Connection, bindparam, or_, select

from services.chassis.postgres.database import DirectConnection
from services.chassis.postgres.direct_statements import DirectStatement
from services.wechat_cookie.cookies.cookie import COLUMNS, Cookie
from services.wechat_cookie.cookies.errors import AvatarNotFoundError, CookieNotFoundError
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.mp.images import Image

MOST_LISTED = 200

_UNEXPIRED = (cookies.c.owner_id == bindparam("owner"), cookies.c.expire_time > bindparam("now"))
_LIST = DirectStatement(
    select(*COLUMNS)
    .where(*_UNEXPIRED)
    .order_by(cookies.c.created_time.desc(), cookies.c.id)
    .limit(MOST_LISTED)
)
_CURRENT = DirectStatement(select(*COLUMNS).where(*_UNEXPIRED, cookies.c.is_current))
_AVATAR = select(cookies.c.avatar, cookies.c.avatar_type).where(
    *_UNEXPIRED, cookies.c.token == bindparam("token")
)

_NAMED = (
    select(cookies.c.id)
    .where(or_(cookies.c.name == bindparam("name"), cookies.c.token == bindparam("name")))
    .order_by(cookies.c.created_time.desc())
    .limit(MOST_LISTED)
)


def list_cookies(connection: DirectConnection, owner_id: uuid.UUID, now: datetime.datetime) -> list[Cookie]:
    """Returns the owner's unexpired cookies, newest first, at most MOST_LISTED."""
    return [Cookie(*row) for row in _LIST.rows(connection, {"owner": owner_id, "now": now})]


def current_cookie(connection: DirectConnection, owner_id: uuid.UUID, now: datetime.datetime) -> Cookie:
    """Returns the owner's current cookie. Raises CookieNotFoundError if there is none that is unexpired."""
    row = _CURRENT.row(connection, {"owner": owner_id, "now": now})
    if row is None:
        raise CookieNotFoundError
    return Cookie(*row)


def avatar_of(connection: Connection, owner_id: uuid.UUID, token: str, now: datetime.datetime) -> Image:
    """Returns the avatar of one of the owner's cookies. Raises CookieNotFoundError, AvatarNotFoundError."""
    row = connection.execute(_AVATAR, {"owner": owner_id, "token": token, "now": now}).one_or_none()
    if row is None:
        raise CookieNotFoundError
    if row.avatar is None:
        raise AvatarNotFoundError
    return Image(row.avatar, row.avatar_type)


def ids_named(connection: Connection, name: str) -> list[str]:
    """Returns the ids of the cookies with this official account's name or token, at most MOST_LISTED, newest first.

    It is for the audit log: expired cookies and those of all owners are included.
    """
    return [str(cookie_id) for cookie_id in connection.execute(_NAMED, {"name": name}).scalars()]
