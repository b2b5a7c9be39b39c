"""Registration, and the admins' operations on accounts."""

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from services.chassis.pages import Position
from services.chassis.postgres.database import Database
from services.identity.accounts import accounts, known_networks
from services.identity.accounts.accounts import Account, AccountUpdate, EmailTakenError, NewAccount
from services.identity.accounts.listing import AccountFilter, AccountPage, list_accounts
from services.identity.accounts.overview import Overview, overview
from services.identity.accounts.transactions import AccountTransactions
from services.identity.passwords.hashing import PasswordHashing


@dataclass(frozen=True)
class Administration:
    """Creates, reads, changes and deletes accounts. Each call is one transaction. Thread-safe."""

    database: Database
    transactions: AccountTransactions
    passwords: PasswordHashing
    now: Callable[[], datetime.datetime]
    new_id: Callable[[], uuid.UUID]

    def create(self, email: str, password: str, role: str, known_network: str | None = None) -> Account:
        """Creates a pending account, known at the client's network if there is one.

        Raises EmailTakenError, HashingBusyError.
        """
        with self.database.reading() as connection:
            # Avoids hashing; the unique key decides.
            if accounts.find_by_email(connection, email) is not None:
                raise EmailTakenError
        with self.passwords.turn() as hasher:
            new = NewAccount(self.new_id(), email, hasher.hash(password), role)
        with self.transactions.begin() as transaction:
            made = accounts.create(transaction, new)
            if known_network is not None:
                known_networks.remember(transaction.connection, made.id, known_network, transaction.now)
            return made

    def get(self, account_id: uuid.UUID) -> Account:
        """Returns the account. Raises AccountNotFoundError."""
        with self.database.reading() as connection:
            return accounts.get(connection, account_id)

    def list(self, wanted: AccountFilter, size: int, after: Position | None, offset: int) -> AccountPage:
        """Returns a page of accounts, see list_accounts()."""
        with self.database.snapshot() as connection:
            return list_accounts(connection, wanted, self.now(), size, after, offset)

    def overview(self) -> Overview:
        """Returns the counts of the overview."""
        with self.database.snapshot() as connection:
            return overview(connection, self.now())

    def change(self, account_id: uuid.UUID, new: AccountUpdate, password: str | None) -> Account:
        """Sets the new values and the password unless it is None. A new password ends all tokens of the account.

        Idempotent. Raises AccountNotFoundError, LastAdminError, HashingBusyError.
        """
        if password is not None:
            self.get(account_id)
            with self.passwords.turn() as hasher:
                new = replace(new, password_hash=hasher.hash(password))
        with self.transactions.begin() as transaction:
            return accounts.change(transaction, account_id, new)

    def remove(self, account_id: uuid.UUID) -> None:
        """Deletes the account. Raises AccountNotFoundError, LastAdminError."""
        with self.transactions.begin() as transaction:
            accounts.remove(transaction, account_id)
