"""Signing in and out, and changing one's password."""

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import grpc
from sqlalchemy import bindparam, update

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.errors import DomainError
from services.chassis.postgres.database import Database
from services.chassis.throttling.client_networks import network_of
from services.identity.accounts.accounts import END_TOKENS
from services.identity.accounts.emails import email_key
from services.identity.accounts.transactions import AccountTransactions
from services.identity.passwords.hashes import needs_upgrade
from services.identity.passwords.hashing import PasswordHashing
from services.identity.sign_in import password_check
from services.identity.sign_in.password_check import UNCHANGED
from services.identity.sign_in.sign_in_endings import SignInEndings
from services.identity.sign_in.sign_in_throttle import SignInThrottle
from services.identity.sign_in.tokens import Tokens
from services.identity.tables import accounts


@dataclass(eq=False)
class WrongCredentialsError(DomainError):
    """E-mail and password do not belong together; it is not said which is wrong."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "WRONG_CREDENTIALS"
    message: str = "邮箱或密码错误"


_SET_PASSWORD = (
    update(accounts)
    .where(UNCHANGED)
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
        throttle: SignInThrottle,
        tokens: Tokens,
        audit: AuditLog,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._database = database
        self._endings = SignInEndings(database, audit)
        self._transactions = transactions
        self._passwords = passwords
        self._throttle = throttle
        self._tokens = tokens
        self._now = now

    def sign_in(self, email: str, password: str, address: str) -> str:
        """A new access token for a caller at the IP address `address`.

        Tokens given out before stay valid; a hash of an older kind is replaced. Raises WrongCredentialsError,
        SignInThrottledError, HashingBusyError.
        """
        key, network = email_key(email), network_of(address)
        found = password_check.by_email(self._database, key, network)
        is_known = found is not None and found.is_known_network
        with self._throttle.guess(key, network, is_known, WrongCredentialsError) as attempt:
            if not self._passwords.matches(password, found.password_hash if found else None) or found is None:
                self._endings.wrong(
                    attempt, found.account_id if found else None, WrongCredentialsError.reason
                )
                raise WrongCredentialsError
            kept = found.password_hash
            if needs_upgrade(kept):
                kept = self._passwords.hash(password)
            now = self._now()
            issued = self._endings.right(attempt, found, kept, network, now)
        if issued is None:
            raise WrongCredentialsError
        return self._tokens.issue(found.account_id, issued, now)

    def sign_out(self, account_id: uuid.UUID) -> None:
        """Ends every token given out so far. Idempotent."""
        with self._transactions.begin() as transaction:
            if transaction.connection.execute(_END_TOKENS, {"of_account": account_id}).rowcount == 1:
                transaction.changed(account_id)
                transaction.record(Event("signed_out", str(account_id)))

    def change_password(self, account_id: uuid.UUID, old: str, new: str, address: str) -> None:
        """Replaces the password and ends every token given out so far. `address` is the caller's.

        Raises WrongCredentialsError when `old` is not the password, SignInThrottledError, HashingBusyError.
        """
        network = network_of(address)
        found = password_check.by_id(self._database, account_id, network)
        if found is None:
            raise WrongCredentialsError
        is_known = found.is_known_network
        with self._throttle.guess(found.email_key, network, is_known, WrongCredentialsError) as attempt:
            if not self._passwords.matches(old, found.password_hash):
                self._endings.wrong(attempt, account_id, WrongCredentialsError.reason)
                raise WrongCredentialsError
        replacement = self._passwords.hash(new)
        with self._transactions.begin() as transaction:
            values = {
                "of_account": account_id,
                "compared": found.password_hash,
                "new": replacement,
                "now": transaction.now,
            }
            if transaction.connection.execute(_SET_PASSWORD, values).rowcount == 0:
                raise WrongCredentialsError
            transaction.changed(account_id)
            transaction.record(Event("password_changed", str(account_id)))
