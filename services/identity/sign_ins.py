"""Signing in and out, and changing one's password."""

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
from sqlalchemy import Row, Text, bindparam, func, select, update

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.database import Database
from services.chassis.errors import DomainError
from services.chassis.throttling.client_networks import network_of
from services.identity import known_networks
from services.identity.account_transactions import AccountTransactions
from services.identity.accounts import END_TOKENS
from services.identity.emails import email_key
from services.identity.password_hashing import PasswordHashing
from services.identity.passwords import needs_upgrade
from services.identity.sign_in_throttle import SignInThrottle
from services.identity.tables import accounts
from services.identity.tokens import Tokens


@dataclass(eq=False)
class WrongCredentialsError(DomainError):
    """E-mail and password do not belong together; it is not said which is wrong."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "WRONG_CREDENTIALS"
    message: str = "邮箱或密码错误"


_CREDENTIALS = select(
    accounts.c.id,
    accounts.c.email,
    accounts.c.email_key,
    accounts.c.password_hash,
    known_networks.is_known(bindparam("network", type_=Text)).label("is_known_network"),
)
_BY_EMAIL = _CREDENTIALS.where(accounts.c.email_key == bindparam("key"))
_BY_ID = _CREDENTIALS.where(accounts.c.id == bindparam("account_id"))
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
        throttle: SignInThrottle,
        tokens: Tokens,
        audit: AuditLog,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._database = database
        self._audit = audit
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
        with self._database.reading() as connection:
            row = connection.execute(_BY_EMAIL, {"key": key, "network": network}).one_or_none()
        is_known = row is not None and row.is_known_network
        with self._throttle.guess(key, network, is_known, WrongCredentialsError):
            if not self._passwords.matches(password, row.password_hash if row else None) or row is None:
                self._record_wrong(row.id if row else None)
                raise WrongCredentialsError
        kept = row.password_hash
        if needs_upgrade(kept):
            kept = self._passwords.hash(password)
        return self._issue(row, kept, network)

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
        with self._database.reading() as connection:
            values = {"account_id": account_id, "network": network}
            row = connection.execute(_BY_ID, values).one_or_none()
        if row is None:
            raise WrongCredentialsError
        with self._throttle.guess(row.email_key, network, row.is_known_network, WrongCredentialsError):
            if not self._passwords.matches(old, row.password_hash):
                self._record_wrong(account_id)
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
            transaction.record(Event("password_changed", str(account_id)))

    def _record_wrong(self, account_id: uuid.UUID | None) -> None:
        # What was typed as an e-mail is not recorded: now and then it is somebody's password.
        target = str(account_id) if account_id is not None else ""
        with self._database.transaction() as connection:
            self._audit.record(connection, Event("sign_in", target, outcome=WrongCredentialsError.reason))

    def _issue(self, account: Row[Any], kept: str, network: str) -> str:
        with self._database.transaction() as connection:
            now = self._now()
            values = {
                "of_account": account.id,
                "compared": account.password_hash,
                "kept": kept,
                "now_seconds": int(now.timestamp()),
            }
            issued = connection.execute(_ISSUE, values).scalar_one_or_none()
            if issued is None:
                raise WrongCredentialsError
            known_networks.remember(connection, account.id, network, now)
            who = str(account.id)
            self._audit.record(connection, Event("sign_in", who, actor=who, actor_email=account.email))
        return self._tokens.issue(account.id, issued, now)
