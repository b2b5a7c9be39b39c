"""Deletes, creates and reads accounts for services.reconcile, and ends access tokens."""

import datetime
import secrets
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Update, delete, func, select, update

from services.chassis.audit.recording import Event
from services.chassis.importing.deleted import deleted_since
from services.identity.accounts import accounts as account_rows
from services.identity.accounts.accounts import EmailTakenError, LastAdminError, NewAccount
from services.identity.accounts.transactions import AccountTransactions
from services.identity.feed import changes
from services.identity.passwords.hashes import CHECKSUM_BYTES, SALT_BYTES, unmatchable_hash
from services.identity.sign_in.tokens import CLOCK_SKEW_SECONDS
from services.identity.tables import account_changes, accounts, audit, password_links


@dataclass(frozen=True)
class AccountsPart:
    """The accounts in one open transaction, in which `transactions` are parts."""

    connection: Connection
    transactions: AccountTransactions
    now: Callable[[], datetime.datetime]

    def emails(self, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, str]:
        """Returns the e-mails of those accounts that exist."""
        found = select(accounts.c.id, accounts.c.email).where(accounts.c.id.in_(list(ids)))
        return {row.id: row.email for row in self.connection.execute(found)}

    def deleted(self, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Returns those of the ids whose deletion is in the audit log or in the feed."""
        column = account_changes.c
        in_feed = select(column.account_id).where(
            column.account_id.in_(list(ids)), column.kind == changes.DELETED
        )
        known = deleted_since(self.connection, audit, "account_deleted", ids)
        return known.union(self.connection.execute(in_feed).scalars())

    def delete(self, account_id: uuid.UUID) -> bool:
        """Deletes an account. Returns False if it is the last admin, which stays."""
        try:
            with self.transactions.begin() as transaction:
                account_rows.remove(transaction, account_id)
        except LastAdminError:
            return False
        return True

    def create_again(self, account_id: uuid.UUID, email: str) -> bool:
        """Creates the account of a user, with a password that is not known to anyone, and ends its tokens.

        Returns False if another account has the e-mail.
        """
        unknown = unmatchable_hash(secrets.token_bytes(SALT_BYTES + CHECKSUM_BYTES))
        try:
            with self.transactions.begin() as transaction:
                account_rows.create(transaction, NewAccount(account_id, email, unknown))
        except EmailTakenError:
            return False
        self.connection.execute(_end_tokens(self.now()).where(accounts.c.id == account_id))
        return True

    def end_tokens(self) -> int:
        """Ends all access tokens, also those that this database does not know of, and all password links.

        Returns the number of accounts. The replicas must be started afterwards: the feed has no entries about it.
        """
        ended = self.connection.execute(_end_tokens(self.now())).rowcount
        self.connection.execute(delete(password_links))
        with self.transactions.begin() as transaction:
            transaction.record(Event("tokens_ended", details={"count": str(ended)}))
        return ended

    def feed_head(self) -> int:
        """Returns the sequence of the feed's last change."""
        return changes.head(self.connection)

    def has_admin(self) -> bool:
        """Returns whether there is any admin."""
        return account_rows.has_admin(self.connection)


def _end_tokens(now: datetime.datetime) -> Update:
    # No replica has issued a token from beyond this time; see services.identity.sign_in.tokens.
    latest = int(now.timestamp()) + CLOCK_SKEW_SECONDS
    column = accounts.c.tokens_valid_after
    return update(accounts).values(tokens_valid_after=func.greatest(column, latest))
