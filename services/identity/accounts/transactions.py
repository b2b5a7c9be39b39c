"""Transactions that change accounts and write the changes to the feed, atomically."""

import contextlib
import datetime
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.postgres.database import OpensTransactions
from services.identity.feed import changes


@dataclass(frozen=True)
class AccountTransaction:
    """An open transaction and the accounts that it has changed so far."""

    connection: Connection
    # The time of all changes in it.
    now: datetime.datetime
    _audit: AuditLog
    _changes: list[tuple[uuid.UUID, str]] = field(default_factory=list)

    def changed(self, account_id: uuid.UUID) -> None:
        """Records that the account was created or that published data of it has changed."""
        self._changes.append((account_id, changes.CHANGED))

    def deleted(self, account_id: uuid.UUID) -> None:
        """Records that the account was deleted."""
        self._changes.append((account_id, changes.DELETED))

    def record(self, event: Event) -> None:
        """Writes an audit entry."""
        self._audit.record(self.connection, event)

    def write_feed(self) -> list[tuple[uuid.UUID, int]]:
        """Writes the changes to the feed and returns the account and the sequence of each."""
        return [
            (account_id, changes.append(self.connection, account_id, kind, self.now))
            for account_id, kind in self._changes
        ]


class AccountTransactions:
    """Opens transactions on accounts. After commit `on_committed` gets each account and sequence."""

    def __init__(
        self,
        database: OpensTransactions,
        now: Callable[[], datetime.datetime],
        audit: AuditLog,
        on_committed: Callable[[str, int], None],
    ) -> None:
        self._database = database
        self._audit = audit
        self._now = now
        self._on_committed = on_committed

    @contextlib.contextmanager
    def begin(self) -> Iterator[AccountTransaction]:
        """Context with a transaction that is committed at the end of the block, or rolled back on an exception.

        Raises the same errors as Database.transaction().
        """
        with self._database.transaction() as connection:
            transaction = AccountTransaction(connection, self._now(), self._audit)
            yield transaction
            # The feed is written last, because its counter is one row for all writers, locked until the commit.
            written = transaction.write_feed()
        for account_id, sequence in written:
            self._on_committed(str(account_id), sequence)
