"""Signing in and out, and changing one's password."""

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import grpc
from sqlalchemy import bindparam, func, select, update

from services.chassis.database import Database
from services.chassis.errors import DomainError
from services.identity.account_transactions import AccountTransactions
from services.identity.accounts import END_TOKENS
from services.identity.emails import email_key
from services.identity.password_hashing import PasswordHashing
from services.identity.passwords import needs_upgrade
from services.identity.tables import accounts
from services.identity.tokens import Tokens


@dataclass(eq=False)
class WrongCredentialsError(DomainError):
    """E-mail and password do not belong together; it is not said which is wrong."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "WRONG_CREDENTIALS"
    message: str = "邮箱或密码错误"


_BY_EMAIL = select(accounts.c.id, accounts.c.password_hash).where(accounts.c.email_key == bindparam("key"))
_BY_ID = select(accounts.c.id, accounts.c.password_hash).where(accounts.c.id == bindparam("account_id"))
# The hash that was compared must still be the account's: a password changed meanwhile lets nobody in.
_UNCHANGED = (accounts.c.id == bindparam("of_account")) & (accounts.c.password_hash == bindparam("compared"))
_issued = func.greatest(bindparam("now_seconds"), accounts.c.tokens_valid_after + 1)
_ISSUE = (
    update(accounts)
    .where(_UNCHANGED)
    .values(
        newest_token=func.greatest(accounts.c.newest_token, _issued),
        password_hash=bindparam("kept"),
    )
    .returning(_issued)
)
_SET_PASSWORD = (
    update(accounts)
    .where(_UNCHANGED)
    .values(
        {**END_TOKENS, accounts.c.password_hash: bindparam("new"), accounts.c.updated_at: bindparam("now")}
    )
)
_END_TOKENS = update(accounts).where(accounts.c.id == bindparam("of_account")).values(END_TOKENS)


class SignIns:
    """The rules. Thread-safe."""

    def __init__(
        self,
        database: Database,
        transactions: AccountTransactions,
        passwords: PasswordHashing,
        tokens: Tokens,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._database = database
        self._transactions = transactions
        self._passwords = passwords
        self._tokens = tokens
        self._now = now

    def sign_in(self, email: str, password: str) -> str:
        """A new access token. Tokens given out before stay valid; a hash of an older kind is replaced.

        Raises WrongCredentialsError, HashingBusyError.
        """
        with self._database.reading() as connection:
            row = connection.execute(_BY_EMAIL, {"key": email_key(email)}).one_or_none()
        if not self._passwords.matches(password, row and row.password_hash) or row is None:
            raise WrongCredentialsError
        stored = row.password_hash
        kept = self._passwords.hash(password) if needs_upgrade(stored) else stored
        now = self._now()
        values = {
            "of_account": row.id,
            "compared": stored,
            "kept": kept,
            "now_seconds": int(now.timestamp()),
        }
        with self._database.transaction() as connection:
            issued = connection.execute(_ISSUE, values).scalar_one_or_none()
        if issued is None:
            raise WrongCredentialsError
        return self._tokens.issue(row.id, issued, now)

    def sign_out(self, account_id: uuid.UUID) -> None:
        """Ends every token given out so far. Idempotent."""
        with self._transactions.begin() as transaction:
            if transaction.connection.execute(_END_TOKENS, {"of_account": account_id}).rowcount == 1:
                transaction.changed(account_id)

    def change_password(self, account_id: uuid.UUID, old: str, new: str) -> None:
        """Replaces the password and ends every token given out so far.

        Raises WrongCredentialsError when `old` is not the password, HashingBusyError.
        """
        with self._database.reading() as connection:
            row = connection.execute(_BY_ID, {"account_id": account_id}).one_or_none()
        if not self._passwords.matches(old, row and row.password_hash) or row is None:
            raise WrongCredentialsError
        replacement = self._passwords.hash(new)
        with self._transactions.begin() as transaction:
            values = {
                "of_account": account_id,
                "compared": row.password_hash,
                "new": replacement,
                "now": transaction.now,
            }
            if transaction.connection.execute(_SET_PASSWORD, values).rowcount == 0:
                raise WrongCredentialsError
            transaction.changed(account_id)
