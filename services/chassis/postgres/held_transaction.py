"""A transaction that is held open for a whole command, so that all of its writes are kept or none."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from services.chassis.postgres.connecting import long_answers
from services.chassis.postgres.database import Database

# The limits of services do not suit a command that has the database for itself.
_NO_LIMITS = text(
    "SELECT set_config('statement_timeout', '0', true),"
    " set_config('idle_in_transaction_session_timeout', '0', true)"
)


@dataclass(frozen=True)
class HeldTransaction:
    """In place of a Database: its transactions are parts of the one on `connection`."""

    connection: Connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Runs the block in a savepoint, to which an exception rolls back."""
        with self.connection.begin_nested():
            yield self.connection


@contextlib.contextmanager
def held_transaction(database: Database) -> Iterator[HeldTransaction]:
    """Context with a transaction without time limits, committed at the end, rolled back on an exception.

    Raises the same errors as Database.transaction().
    """
    with long_answers(), database.transaction() as connection:
        connection.execute(_NO_LIMITS)
        yield HeldTransaction(connection)
