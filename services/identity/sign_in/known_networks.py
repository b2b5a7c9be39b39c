"""From which networks each account was signed in to: there, guesses from elsewhere do not count."""

import datetime
from collections.abc import Callable, Mapping

from sqlalchemy import CTE, ColumnElement, DateTime, Text, bindparam, delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from services.chassis.postgres.database import Database
from services.identity.tables import accounts, known_networks

KEPT = datetime.timedelta(days=90)
# Not every sign-in needs to write when the last one was.
_REFRESHED_AFTER = datetime.timedelta(days=1)

_PURGE = delete(known_networks).where(known_networks.c.last_used <= bindparam("before"))


def is_known(network: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the account of the enclosing statement was signed in to from `network`."""
    return exists().where(known_networks.c.account_id == accounts.c.id, known_networks.c.network == network)


def remembered(signed_in: CTE) -> CTE:
    """SQL that remembers the network of the accounts `id` in `signed_in`, within a statement with values()."""
    table = known_networks
    who = select(
        signed_in.c.id,
        bindparam("network", type_=Text),
        bindparam("last_used", type_=DateTime(timezone=True)),
    )
    new = insert(table).from_select([table.c.account_id, table.c.network, table.c.last_used], who)
    return new.on_conflict_do_update(
        index_elements=[table.c.account_id, table.c.network],
        set_={"last_used": new.excluded.last_used},
        where=table.c.last_used < bindparam("stale"),
    ).cte("remembered")


def values(network: str, now: datetime.datetime) -> Mapping[str, object]:
    """What a statement with remembered() is executed with."""
    return {"network": network, "last_used": now, "stale": now - _REFRESHED_AFTER}


class KnownNetworksRetention:
    """Forgets networks that were not used for 90 days."""

    def __init__(self, database: Database, now: Callable[[], datetime.datetime]) -> None:
        self._database = database
        self._now = now

    def prune(self) -> int:
        """Gives the number of networks forgotten."""
        with self._database.transaction() as connection:
            return connection.execute(_PURGE, {"before": self._now() - KEPT}).rowcount
