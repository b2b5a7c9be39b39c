"""An owner's cookies as a whole: one change at a time, and exactly one current while there are any."""

import uuid
from collections.abc import Iterable

from sqlalchemy import BindParameter, Connection, bindparam, select, text, update

from services.wechat_cookie.cookies.tables import cookies

# Announces to every replica that what belongs in the folder of the token in the payload has changed.
CHANNEL = "cookies_changed"

# An advisory lock and not the owner's rows: those of an owner without cookies could not be locked, and rows that
# come while one waits would be missed. The number keeps these keys apart from other advisory locks.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 1))")
_NOTIFY = text("SELECT pg_notify(:channel, token) FROM unnest(CAST(:tokens AS text[])) AS token")

_OWNER: BindParameter[uuid.UUID] = bindparam("owner")
_CURRENT = select(cookies.c.id).where(cookies.c.owner_id == _OWNER, cookies.c.is_current)
_NEWEST = (
    select(cookies.c.id)
    .where(cookies.c.owner_id == _OWNER)
    .order_by(cookies.c.created_time.desc(), cookies.c.id)
    .limit(1)
)
_CHOOSE_NEWEST = (
    update(cookies)
    .where(cookies.c.id == _NEWEST.scalar_subquery(), ~_CURRENT.exists())
    .values(is_current=True)
)
_CHOOSE_NONE = (
    update(cookies).where(cookies.c.owner_id == _OWNER, cookies.c.is_current).values(is_current=False)
)


def lock(connection: Connection, owner_id: uuid.UUID) -> None:
    """Waits until no other transaction changes this owner's cookies; others then wait for this one to end."""
    connection.execute(_LOCK, {"owner": str(owner_id)})


def ensure_current(connection: Connection, owner_id: uuid.UUID) -> None:
    """Makes the owner's newest cookie current if they have cookies and none is. Belongs under the owner's lock."""
    connection.execute(_CHOOSE_NEWEST, {"owner": owner_id})


def choose_none(connection: Connection, owner_id: uuid.UUID) -> None:
    """Takes the mark off the current cookie, for another to get it. Belongs under the owner's lock."""
    connection.execute(_CHOOSE_NONE, {"owner": owner_id})


def announce(connection: Connection, tokens: Iterable[str]) -> None:
    """Tells all replicas, once the transaction is committed, to look at the folders of these tokens again."""
    changed = list(tokens)
    if changed:
        connection.execute(_NOTIFY, {"channel": CHANNEL, "tokens": changed})
