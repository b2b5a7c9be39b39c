"""Saves the cookie of a login, in the transaction of the login's write."""

import datetime
import uuid
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, delete, exc, insert, or_, update

from services.chassis.postgres.database import constraint_of
from services.chassis.vault import Vault
from services.wechat_cookie.cookies import owners
from services.wechat_cookie.cookies.cookie import COLUMNS, Cookie
from services.wechat_cookie.cookies.errors import OwnedByAnotherAccountError, OwnerDeletedError
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.images import Image

# WeChat's cookies last four days from the login; the product keeps a margin below that.
LIFETIME = datetime.timedelta(hours=88)
MOST_NAME_LENGTH = 200
MOST_AVATAR_URL_LENGTH = 2048

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


@dataclass(frozen=True)
class NewCookie:
    """The result of a login. `created_time` is when the official account was logged in, an aware datetime."""

    id: uuid.UUID
    token: str = field(repr=False)
    owner_id: uuid.UUID
    owner_email: str
    original_id: str | None
    jar: MpCookies = field(repr=False)
    created_time: datetime.datetime


_FORMER = (
    delete(cookies)
    .where(
        cookies.c.owner_id == bindparam("owner"),
        or_(cookies.c.token == bindparam("new_token"), cookies.c.original_id == bindparam("original")),
    )
    .returning(cookies.c.token)
)
_INSERT = insert(cookies).returning(*COLUMNS)


def save(connection: Connection, vault: Vault, new: NewCookie) -> Cookie:
    """Saves `new` as its owner's current cookie, in the open transaction of `connection`.

    It replaces the owner's previous cookie of the same official account, or of the same token. The commit notifies
    the FolderKeeper of each replica, which updates the exported folders.

    Raises OwnedByAnotherAccountError or OwnerDeletedError; the transaction is then unchanged and can continue.
    """
    owners.lock(connection, new.owner_id)
    if owners.is_deleted(connection, new.owner_id):
        raise OwnerDeletedError
    try:
        with connection.begin_nested():
            return _replace(connection, vault, new)
    except exc.IntegrityError as error:
        # Since the owner is locked, only another owner's cookie can conflict.
        if constraint_of(error) == "cookies_token_key":
            raise OwnedByAnotherAccountError from None
        raise


_COMPLETE = (
    update(cookies)
    .where(cookies.c.id == bindparam("cookie"))
    .values(revision=cookies.c.revision + 1)
    .returning(*COLUMNS)
)


def complete(
    connection: Connection, cookie_id: uuid.UUID, name: str, avatar_url: str, avatar: Image | None
) -> Cookie | None:
    """Adds the details from the home page to a saved cookie; empty or None values change nothing.

    Returns the changed cookie, or None if it was deleted. Idempotent.
    """
    details: dict[str, object] = {
        "name": name[:MOST_NAME_LENGTH],
        "avatar_url": avatar_url[:MOST_AVATAR_URL_LENGTH],
    }
    if avatar is not None:
        details.update(avatar=avatar.content, avatar_type=avatar.content_type)
    statement = _COMPLETE.values({column: value for column, value in details.items() if value})
    row = connection.execute(statement, {"cookie": cookie_id}).one_or_none()
    if row is None:
        return None
    cookie = Cookie(*row)
    owners.announce(connection, [cookie.token])
    return cookie


def _replace(connection: Connection, vault: Vault, new: NewCookie) -> Cookie:
    former = connection.execute(
        _FORMER, {"owner": new.owner_id, "new_token": new.token, "original": new.original_id}
    ).scalars()
    changed = {new.token, *former}
    owners.choose_none(connection, new.owner_id)
    values = {
        "id": new.id,
        "token": new.token,
        "owner_id": new.owner_id,
        "owner_email": new.owner_email,
        "created_time": new.created_time,
        "expire_time": new.created_time + LIFETIME,
        "checked_time": new.created_time,
        "is_current": True,
        "original_id": new.original_id,
        "jar": vault.encrypt(new.jar.to_json().encode()),
        "revision": (new.created_time - _EPOCH) // _MICROSECOND,
    }
    cookie = Cookie(*connection.execute(_INSERT, values).one())
    owners.announce(connection, sorted(changed))
    return cookie
