"""Transactions that change accounts: whatever they change is in the feed of changes, or did not happen."""

import contextlib
import datetime
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.postgres.database import Database
from services.identity.feed import changes


@dataclass(frozen=True)
class AccountTransaction:
    """An open transaction, and the accounts it has changed so far."""

    connection: Connection
    # One moment for everything in it.
    now: datetime.datetime
    _audit: AuditLog
    _changes: list[tuple[uuid.UUID, str]] = field(default_factory=list)

    def changed(self, account_id: uuid.UUID) -> None:
        """The account was made, or something that Identity tells others about it has changed."""
        self._changes.append((account_id, changes.CHANGED))

    def deleted(self, account_id: uuid.UUID) -> None:
        """The account is gone."""
        self._changes.append((account_id, changes.DELETED))

    def record(self, event: Event) -> None:
        """Writes to the audit log what was done."""
        self._audit.record(self.connection, event)

    def write_feed(self) -> list[tuple[uuid.UUID, int]]:
        """Writes the changes to the feed; gives each one's account and sequence."""
        return [
            (account_id, changes.append(self.connection, account_id, kind, self.now))
            for account_id, kind in self._changes
        ]


class AccountTransactions:
    """Opens transactions on accounts. After commit `on_committed` gets each account and sequence."""

    def __init__(
        self,
        database: Database,
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
        """One transaction, committed when the block ends, rolled back when it raises.

        Raises as Database.transaction() does.
        """
        with self._database.transaction() as connection:
            transaction = AccountTransaction(connection, self._now(), self._audit)
            yield transaction
            # The feed comes last: its counter is one row for all writers, locked from here to the commit.
            written = transaction.write_feed()
        for account_id, sequence in written:
            self._on_committed(str(account_id), sequence)
