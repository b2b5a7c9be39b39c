"""From which networks each account was signed in to: there, guesses from elsewhere do not count."""

import datetime
import uuid
from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists
from sqlalchemy.dialects.postgresql import insert

from services.chassis.database import Database
from services.identity.tables import accounts, known_networks

KEPT = datetime.timedelta(days=90)
# Not every sign-in needs to write when the last one was.
_REFRESHED_AFTER = datetime.timedelta(days=1)

_new = insert(known_networks)
_REMEMBER = _new.on_conflict_do_update(
    index_elements=[known_networks.c.account_id, known_networks.c.network],
    set_={"last_used": _new.excluded.last_used},
    where=known_networks.c.last_used < bindparam("stale"),
)
_PURGE = delete(known_networks).where(known_networks.c.last_used <= bindparam("before"))


def is_known(network: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the account of the enclosing statement was signed in to from `network`."""
    return exists().where(known_networks.c.account_id == accounts.c.id, known_networks.c.network == network)


def remember(connection: Connection, account_id: uuid.UUID, network: str, now: datetime.datetime) -> None:
    """The account was signed in to from `network` just now."""
    values = {"account_id": account_id, "network": network, "last_used": now}
    connection.execute(_REMEMBER, {**values, "stale": now - _REFRESHED_AFTER})


class KnownNetworksRetention:
    """Forgets networks that were not used for 90 days."""

    def __init__(self, database: Database, now: Callable[[], datetime.datetime]) -> None:
        self._database = database
        self._now = now

    def prune(self) -> int:
        """Gives the number of networks forgotten."""
        with self._database.transaction() as connection:
            return connection.execute(_PURGE, {"before": self._now() - KEPT}).rowcount
