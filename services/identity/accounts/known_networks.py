"""The known networks of accounts: those with a registration or a sign-in within the last 90 days."""

import datetime
import uuid
from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists
from sqlalchemy.dialects.postgresql import insert

from services.chassis.postgres.database import Database
from services.identity.tables import accounts, known_networks

KEPT = datetime.timedelta(days=90)
# The time of the last use is updated only if it is this old, so that most sign-ins write nothing here.
_REFRESHED_AFTER = datetime.timedelta(days=1)

_NEW = insert(known_networks)
_REMEMBER = _NEW.on_conflict_do_update(
    index_elements=[known_networks.c.account_id, known_networks.c.network],
    set_={"last_used": _NEW.excluded.last_used},
    where=known_networks.c.last_used < bindparam("stale"),
)
_PURGE = delete(known_networks).where(known_networks.c.last_used <= bindparam("before"))


def is_known(network: ColumnElement[str]) -> ColumnElement[bool]:
    """Returns SQL for whether the account of the enclosing statement is known at `network`."""
    return exists().where(known_networks.c.account_id == accounts.c.id, known_networks.c.network == network)


def remember(connection: Connection, account_id: uuid.UUID, network: str, now: datetime.datetime) -> None:
    """Makes the account known at `network`, by network_of(), for 90 days from `now`. Idempotent."""
    values = {"account_id": account_id, "network": network, "last_used": now, "stale": now - _REFRESHED_AFTER}
    connection.execute(_REMEMBER, values)


def prune(database: Database, now: Callable[[], datetime.datetime]) -> int:
    """Deletes networks that were not used for 90 days and returns their number."""
    with database.transaction() as connection:
        return connection.execute(_PURGE, {"before": now() - KEPT}).rowcount
