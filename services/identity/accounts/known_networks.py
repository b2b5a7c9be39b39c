"""The known networks of accounts: those with a registration or a sign-in within the last 90 days.

Of each account the MOST used last are kept, since a caller with an IPv6 prefix has as many networks as it likes.
"""

import datetime
import uuid
from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.postgres.database import Database
from services.identity.tables import accounts, known_networks

KEPT = datetime.timedelta(days=90)
MOST = 100
# The time of the last use is updated only if it is this old, so that most sign-ins write nothing here.
_REFRESHED_AFTER = datetime.timedelta(days=1)

_NEW = insert(known_networks)
_REMEMBER = _NEW.on_conflict_do_update(
    index_elements=[known_networks.c.account_id, known_networks.c.network],
    set_={"last_used": _NEW.excluded.last_used},
    where=known_networks.c.last_used < bindparam("stale"),
).returning(known_networks.c.network)
_OF_ACCOUNT = known_networks.c.account_id == bindparam("account")
_NEWEST = select(known_networks.c.network).where(_OF_ACCOUNT).order_by(known_networks.c.last_used.desc())
_FORGET_SURPLUS = delete(known_networks).where(
    _OF_ACCOUNT, known_networks.c.network.in_(_NEWEST.offset(MOST))
)
_PURGE = delete(known_networks).where(known_networks.c.last_used <= bindparam("before"))


def is_known(network: ColumnElement[str]) -> ColumnElement[bool]:
    """Returns SQL for whether the account of the enclosing statement is known at `network`."""
    return exists().where(known_networks.c.account_id == accounts.c.id, known_networks.c.network == network)


def remember(connection: Connection, account_id: uuid.UUID, network: str, now: datetime.datetime) -> bool:
    """Makes the account known at `network`, by network_of(), for 90 days from `now`. Idempotent.

    Returns whether that was written, after which forget_surplus() is due.
    """
    values = {"account_id": account_id, "network": network, "last_used": now, "stale": now - _REFRESHED_AFTER}
    return connection.execute(_REMEMBER, values).one_or_none() is not None


def forget_surplus(connection: Connection, account_id: uuid.UUID) -> None:
    """Forgets all networks of the account but the MOST that were used last. Idempotent."""
    connection.execute(_FORGET_SURPLUS, {"account": account_id})


def prune(database: Database, now: Callable[[], datetime.datetime]) -> int:
    """Deletes networks that were not used for 90 days and returns their number."""
    with database.transaction() as connection:
        return connection.execute(_PURGE, {"before": now() - KEPT}).rowcount
