"""Signing in and out, and changing one's password."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, func, update

from services.chassis.audit.recording import Event
from services.chassis.errors import DomainError
from services.chassis.postgres.database import Database
from services.chassis.throttling.client_networks import network_of
from services.identity.accounts import known_networks, password_links
from services.identity.accounts.accounts import END_TOKENS
from services.identity.accounts.emails import email_key
from services.identity.accounts.transactions import AccountTransaction, AccountTransactions
from services.identity.passwords.hashing import PasswordHashing
from services.identity.sign_in import password_check
from services.identity.sign_in.errors import (
    SecondFactorNeededError,
    WrongCredentialsError,
    WrongSecondFactorError,
)
from services.identity.sign_in.password_check import UNCHANGED, Credentials
from services.identity.sign_in.second_factor import SecondFactor
from services.identity.sign_in.throttle import SignInThrottle
from services.identity.sign_in.tokens import Tokens
from services.identity.tables import accounts

_ISSUED_AT = func.greatest(bindparam("now_seconds"), accounts.c.tokens_valid_after + 1)
_ISSUE_TOKEN = (
    update(accounts)
    .where(UNCHANGED)
    .values(
        newest_token=func.greatest(accounts.c.newest_token, _ISSUED_AT),
        password_hash=bindparam("replacement"),
    )
    .returning(_ISSUED_AT)
)
_SET_PASSWORD = (
    update(accounts)
    .where(UNCHANGED)
    .values(
        {**END_TOKENS, accounts.c.password_hash: bindparam("new"), accounts.c.updated_at: bindparam("now")}
    )
)
_END_TOKENS = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_account"), accounts.c.tokens_valid_after < accounts.c.newest_token)
    .values(END_TOKENS)
)


@dataclass(frozen=True)
class SignIn:
    """The rules of signing in and out and of changing passwords. Thread-safe."""

    database: Database
    transactions: AccountTransactions
    passwords: PasswordHashing
    throttle: SignInThrottle
    tokens: Tokens
    second_factor: SecondFactor

    def sign_in(self, email: str, password: str, totp: str | None, address: str) -> str:
        """Checks the password and the second factor, and returns a new access token.

        `totp` is a code of the second factor or a recovery code; it is ignored if the account has no second factor.
        `address` is the caller's IP address. Tokens issued before stay valid; an outdated hash is replaced.

        Raises WrongCredentialsError; only after the right password SecondFactorNeededError (without a code),
        WrongSecondFactorError, SecondFactorUnavailableError; SignInThrottledError, HashingBusyError.
        """
        key, network = email_key(email), network_of(address)
        with self.passwords.turn() as hasher:
            with self.database.reading() as connection:
                found = password_check.by_email(connection, key, network)
            is_known = found is not None and found.is_known_network
            with self.throttle.attempt(key, network, is_known, WrongCredentialsError):
                comparison = hasher.compare(password, found.password_hash if found else None)
                if found is None or not comparison.is_right:
                    self._record_failure(found, WrongCredentialsError)
                    raise WrongCredentialsError
                is_complete = bool(totp) or not found.has_second_factor
                if is_complete:
                    replacement = hasher.hash(password) if comparison.is_outdated else found.password_hash
                    token = self._complete(found, replacement, network, totp or "")
                else:
                    # Raised below, because it counts as a sign-in with the right password, not as a wrong guess.
                    self._record_failure(found, SecondFactorNeededError)
        if not is_complete:
            raise SecondFactorNeededError
        if token is None:
            raise WrongCredentialsError
        return token

    def sign_out(self, account_id: uuid.UUID) -> None:
        """Revokes every token issued so far; recorded only if one was still valid. Idempotent."""
        with self.transactions.begin() as transaction:
            if transaction.connection.execute(_END_TOKENS, {"of_account": account_id}).rowcount == 1:
                transaction.changed(account_id)
                transaction.record(Event("signed_out", str(account_id)))

    def change_password(self, account_id: uuid.UUID, old: str, new: str, address: str) -> None:
        """Replaces the password and revokes every token issued so far. `address` is the caller's IP address.

        Raises WrongCredentialsError if `old` is not the password, SignInThrottledError, HashingBusyError.
        """
        network = network_of(address)
        with self.passwords.turn() as hasher:
            with self.database.reading() as connection:
                found = password_check.by_id(connection, account_id, network)
            if found is None:
                raise WrongCredentialsError
            is_known = found.is_known_network
            with self.throttle.attempt(found.email_key, network, is_known, WrongCredentialsError):
                if not hasher.compare(old, found.password_hash).is_right:
                    self._record_failure(found, WrongCredentialsError)
                    raise WrongCredentialsError
            replacement = hasher.hash(new)
        with self.transactions.begin() as transaction:
            _set_password(transaction, found, replacement)

    def _record_failure(self, found: Credentials | None, error: type[DomainError]) -> None:
        # The e-mail is not recorded, because users sometimes type a password in its place.
        target = "" if found is None else str(found.account_id)
        with self.transactions.begin() as transaction:
            transaction.record(Event("sign_in", target, outcome=error.reason))

    def _complete(self, found: Credentials, replacement: str, network: str, totp: str) -> str | None:
        """Uses the code of the second factor, if there is one, and returns a new token.

        Returns None if the password was changed since `found` was read. Raises WrongSecondFactorError,
        SecondFactorUnavailableError, SignInThrottledError.
        """
        if not found.has_second_factor:
            with self.transactions.begin() as transaction:
                return self._issue_token(transaction, found, replacement, network, {})
        guess = (found.email_key, network, found.is_known_network, WrongSecondFactorError)
        try:
            with self.throttle.second_factor(*guess), self.transactions.begin() as transaction:
                used = self.second_factor.use(transaction, found.account_id, totp)
                return self._issue_token(transaction, found, replacement, network, used)
        except WrongSecondFactorError:
            self._record_failure(found, WrongSecondFactorError)
            raise

    def _issue_token(
        self,
        transaction: AccountTransaction,
        found: Credentials,
        replacement: str,
        network: str,
        details: Mapping[str, str],
    ) -> str | None:
        """Returns a new token, or None if the password was changed since `found` was read."""
        values = {
            "of_account": found.account_id,
            "compared": found.password_hash,
            "replacement": replacement,
            "now_seconds": int(transaction.now.timestamp()),
        }
        issued_at = transaction.connection.execute(_ISSUE_TOKEN, values).scalar_one_or_none()
        if issued_at is None:
            return None
        connection = transaction.connection
        if known_networks.remember(connection, found.account_id, network, transaction.now):
            known_networks.forget_surplus(connection, found.account_id)
        account_id = str(found.account_id)
        transaction.record(Event("sign_in", account_id, details=details, actor=account_id))
        return self.tokens.issue(found.account_id, issued_at, transaction.now)


def _set_password(transaction: AccountTransaction, found: Credentials, replacement: str) -> None:
    values = {
        "of_account": found.account_id,
        "compared": found.password_hash,
        "new": replacement,
        "now": transaction.now,
    }
    if transaction.connection.execute(_SET_PASSWORD, values).rowcount == 0:
        raise WrongCredentialsError
    password_links.drop(transaction.connection, found.account_id)
    transaction.changed(found.account_id)
    transaction.record(Event("password_changed", str(found.account_id)))
