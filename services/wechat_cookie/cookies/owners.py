"""The invariants of an owner's cookies: changes are serialised, and exactly one is current if there are any."""

import datetime
import uuid
from collections.abc import Iterable

from sqlalchemy import (
    BindParameter,
    Connection,
    DateTime,
    and_,
    bindparam,
    false,
    func,
    not_,
    select,
    text,
    update,
)

from services.wechat_cookie.cookies.tables import cookies, deleted_owners

# The channel that notifies every replica of a change of the cookie with the token in the payload.
CHANNEL = "cookies_changed"

# An advisory lock instead of row locks, which would not cover owners without cookies and rows inserted during the
# wait. The number separates these keys from other advisory locks.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 1))")
_NOTIFY = text("SELECT pg_notify(:channel, token) FROM unnest(CAST(:tokens AS text[])) AS token")

_other = cookies.alias("other")

_OWNER: BindParameter[uuid.UUID] = bindparam("owner")
_DELETED = select(deleted_owners.c.owner_id).where(deleted_owners.c.owner_id == _OWNER)
_CURRENT = select(cookies.c.id).where(cookies.c.owner_id == _OWNER, cookies.c.is_current)
_NOW = bindparam("now", type_=DateTime(timezone=True))
_ALIVE = and_(cookies.c.health != "dead", cookies.c.expire_time > _NOW)
_COOLING = func.coalesce(cookies.c.cooling_until > _NOW, false())
# A usable one before one that will be usable when it has cooled down.
_BEST = (
    select(cookies.c.id)
    .where(cookies.c.owner_id == _OWNER)
    .order_by(not_(_ALIVE), _COOLING, cookies.c.created_time.desc(), cookies.c.id)
    .limit(1)
)
_CHOOSE_BEST = (
    update(cookies).where(cookies.c.id == _BEST.scalar_subquery(), ~_CURRENT.exists()).values(is_current=True)
)
# Releases a current cookie that has ended only if there is another one to hand over to.
_RELEASE_ENDED = (
    update(cookies)
    .where(
        cookies.c.owner_id == _OWNER,
        cookies.c.is_current,
        not_(_ALIVE),
        select(_other.c.id)
        .where(_other.c.owner_id == _OWNER, _other.c.health != "dead", _other.c.expire_time > _NOW)
        .exists(),
    )
    .values(is_current=False)
)
_CHOOSE_NONE = (
    update(cookies).where(cookies.c.owner_id == _OWNER, cookies.c.is_current).values(is_current=False)
)


def lock(connection: Connection, owner_id: uuid.UUID) -> None:
    """Locks the owner's cookies against changes by other transactions until the end of this one."""
    connection.execute(_LOCK, {"owner": str(owner_id)})


def is_deleted(connection: Connection, owner_id: uuid.UUID) -> bool:
    """Returns whether the owner's account was deleted. Under the owner's lock this does not change."""
    return connection.execute(_DELETED, {"owner": owner_id}).first() is not None


def ensure_current(connection: Connection, owner_id: uuid.UUID, now: datetime.datetime) -> None:
    """Makes the owner's newest usable cookie, or else the newest, current if none is. The owner must be locked."""
    connection.execute(_CHOOSE_BEST, {"owner": owner_id, "now": now})


def hand_over(connection: Connection, owner_id: uuid.UUID, now: datetime.datetime) -> None:
    """Makes the owner's newest usable cookie current if the current one is dead or expired.

    Without a usable one, it stays current. The owner must be locked.
    """
    if connection.execute(_RELEASE_ENDED, {"owner": owner_id, "now": now}).rowcount:
        ensure_current(connection, owner_id, now)


def choose_none(connection: Connection, owner_id: uuid.UUID) -> None:
    """Makes no cookie current, before another one becomes it. The owner must be locked."""
    connection.execute(_CHOOSE_NONE, {"owner": owner_id})


def announce(connection: Connection, tokens: Iterable[str]) -> None:
    """Notifies all replicas, when the transaction is committed, that the cookies of these tokens have changed."""
    changed = list(tokens)
    if changed:
        connection.execute(_NOTIFY, {"channel": CHANNEL, "tokens": changed})
