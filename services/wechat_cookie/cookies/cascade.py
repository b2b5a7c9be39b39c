"""Deletes the cookies of deleted FastMP accounts."""

import datetime
import uuid
from collections.abc import Iterator

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.identity.feed_follower import BATCH
from services.wechat_cookie.cookies import owners, pending_logouts
from services.wechat_cookie.cookies.tables import cookies, deleted_owners

_DELETE = pending_logouts.deletion_with_logout(cookies.c.owner_id == bindparam("owner"))
_OWNERS = (
    select(cookies.c.owner_id)
    .where(cookies.c.owner_id > bindparam("after"))
    .distinct()
    .order_by(cookies.c.owner_id)
    .limit(BATCH)
)
_BEFORE_ALL = uuid.UUID(int=0)


def delete_owner(connection: Connection, owner_id: uuid.UUID, now: datetime.datetime) -> int:
    """Deletes all cookies of the owner and prevents running logins from saving one.

    Returns their number. Idempotent.

    The announcement makes replicas delete the folders. The sessions are logged out at WeChat after the commit.
    """
    owners.lock(connection, owner_id)
    remembered = insert(deleted_owners).values(owner_id=owner_id, deleted_time=now)
    connection.execute(remembered.on_conflict_do_nothing())
    tokens = [row.token for row in connection.execute(_DELETE, {"owner": owner_id})]
    owners.announce(connection, tokens)
    return len(tokens)


def owners_of_cookies(connection: Connection) -> Iterator[list[uuid.UUID]]:
    """Yields the ids of all accounts that own cookies, in lists of at most BATCH, one statement each."""
    after = _BEFORE_ALL
    while batch := list(connection.execute(_OWNERS, {"after": after}).scalars()):
        yield batch
        after = batch[-1]
