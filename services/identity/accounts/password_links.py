"""The rows of password links: at most one for each account, with the digest of its ticket."""

import datetime
import hashlib
import uuid
from collections.abc import Callable

from sqlalchemy import Connection, bindparam, delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.identity.statuses import ADMIN_ROLE
from services.chassis.postgres.database import Database
from services.identity.tables import accounts, password_links

_NEW = insert(password_links)
_PUT = _NEW.on_conflict_do_update(
    index_elements=[password_links.c.account_id],
    set_={name: _NEW.excluded[name] for name in ("ticket_digest", "created_by", "created_at", "expire_time")},
)
_IS_USABLE = (
    (password_links.c.ticket_digest == bindparam("digest"))
    & (password_links.c.expire_time > bindparam("now"))
    # Else an admin who loses the role could keep access to other accounts for a day.
    & exists().where(accounts.c.id == password_links.c.created_by, accounts.c.role == ADMIN_ROLE)
)
_FIND = select(password_links.c.account_id).where(_IS_USABLE)
_TAKE = delete(password_links).where(_IS_USABLE).returning(password_links.c.account_id)
_DROP = delete(password_links).where(password_links.c.account_id == bindparam("account"))
_PRUNE = delete(password_links).where(password_links.c.expire_time <= bindparam("now"))


def put(
    connection: Connection,
    account_id: uuid.UUID,
    ticket: str,
    created_by: uuid.UUID,
    now: datetime.datetime,
    expire_time: datetime.datetime,
) -> None:
    """Stores a link, in place of the account's previous one. The account must exist, and be locked."""
    values = {
        "account_id": account_id,
        "ticket_digest": _digest(ticket),
        "created_by": created_by,
        "created_at": now,
        "expire_time": expire_time,
    }
    connection.execute(_PUT, values)


def find(connection: Connection, ticket: str, now: datetime.datetime) -> uuid.UUID | None:
    """Returns the account whose link has this ticket and works at `now`, or None."""
    return connection.execute(_FIND, {"digest": _digest(ticket), "now": now}).scalar_one_or_none()


def take(connection: Connection, ticket: str, now: datetime.datetime) -> bool:
    """Deletes the link that find() finds. Returns whether there was one: of concurrent calls, one gets it."""
    values = {"digest": _digest(ticket), "now": now}
    return connection.execute(_TAKE, values).scalar_one_or_none() is not None


def drop(connection: Connection, account_id: uuid.UUID) -> None:
    """Deletes the account's link, because its password has changed. Idempotent."""
    connection.execute(_DROP, {"account": account_id})


def prune(database: Database, now: Callable[[], datetime.datetime]) -> int:
    """Deletes links that are too old and returns their number."""
    with database.transaction() as connection:
        return connection.execute(_PRUNE, {"now": now()}).rowcount


def _digest(ticket: str) -> bytes:
    # A ticket has 256 random bits, so that a plain digest of it cannot be reversed.
    return hashlib.sha256(ticket.encode()).digest()
