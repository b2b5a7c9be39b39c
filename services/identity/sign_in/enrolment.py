"""Enabling and disabling an account's second factor."""

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.chassis.audit.recording import Event
from services.chassis.postgres.database import Database
from services.chassis.throttling.client_networks import network_of
from services.identity.accounts import second_factors
from services.identity.accounts.second_factors import StoredFactor
from services.identity.accounts.transactions import AccountTransaction, AccountTransactions
from services.identity.passwords.hashing import PasswordHashing
from services.identity.sign_in import password_check
from services.identity.sign_in.errors import (
    SecondFactorEnabledError,
    SecondFactorNotEnrolledError,
    WrongCredentialsError,
    WrongSecondFactorError,
)
from services.identity.sign_in.password_check import Credentials
from services.identity.sign_in.qr_picture import png_of
from services.identity.sign_in.second_factor import SecondFactor, new_recovery_codes, stored_form, uri_of
from services.identity.sign_in.throttle import SignInThrottle


@dataclass(frozen=True)
class NewSecret:
    """A new secret in base32, its otpauth:// URI, and the URI as a QR code, a PNG picture."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    picture: bytes = field(repr=False)


@dataclass(frozen=True)
class Enrolment:
    """The rules of enabling and disabling second factors. Wrong codes count as wrong passwords. Thread-safe."""

    database: Database
    transactions: AccountTransactions
    passwords: PasswordHashing
    throttle: SignInThrottle
    second_factor: SecondFactor

    def enrol(self, account_id: uuid.UUID, email: str) -> NewSecret:
        """Stores and returns a new secret, which has no effect until it is confirmed.

        Raises SecondFactorEnabledError, SecondFactorUnavailableError, SignInThrottledError.
        """
        secret, encrypted = self.second_factor.new_secret()
        with self.transactions.begin() as transaction:
            self.throttle.enrolment(transaction.connection, account_id)
            if _locked(transaction, account_id).is_enabled:
                raise SecondFactorEnabledError
            second_factors.enrol(transaction.connection, account_id, encrypted)
            transaction.record(Event("second_factor_enrolled", str(account_id)))
        uri = uri_of(secret, email)
        return NewSecret(secret, uri, png_of(uri))

    def confirm(self, account_id: uuid.UUID, totp: str, address: str) -> list[str]:
        """Enables the second factor with a code of the new secret, and returns the recovery codes.

        `address` is the caller's IP address. Raises WrongSecondFactorError, SecondFactorEnabledError,
        SecondFactorNotEnrolledError, SecondFactorUnavailableError, SignInThrottledError.
        """
        found = self._credentials(account_id, address)
        codes = new_recovery_codes()
        with self._attempt(found, address, "second_factor_enabled"), self.transactions.begin() as transaction:
            stored = _locked(transaction, account_id)
            if stored.is_enabled:
                raise SecondFactorEnabledError
            if stored.secret is None:
                raise SecondFactorNotEnrolledError
            step = self.second_factor.step_of(stored, totp, transaction.now)
            kept = [stored_form(code) for code in codes]
            second_factors.enable(transaction.connection, account_id, step, kept, transaction.now)
            transaction.changed(account_id)
            transaction.record(Event("second_factor_enabled", str(account_id)))
        return codes

    def disable(self, account_id: uuid.UUID, password: str, totp: str, address: str) -> None:
        """Disables the second factor. `address` is the caller's IP address.

        Raises WrongCredentialsError, WrongSecondFactorError, SecondFactorNotEnrolledError,
        SecondFactorUnavailableError, SignInThrottledError, HashingBusyError.
        """
        with self.passwords.turn() as hasher:
            found = self._credentials(account_id, address)
            if not found.has_second_factor:
                raise SecondFactorNotEnrolledError
            with self._attempt(found, address, "second_factor_disabled"):
                if not hasher.compare(password, found.password_hash).is_right:
                    raise WrongCredentialsError
                guess = (found.email_key, network_of(address), found.is_known_network, WrongSecondFactorError)
                with self.throttle.second_factor(*guess), self.transactions.begin() as transaction:
                    used = self.second_factor.use(transaction, account_id, totp)
                    second_factors.remove(transaction.connection, account_id, transaction.now)
                    transaction.changed(account_id)
                    transaction.record(Event("second_factor_disabled", str(account_id), details=used))

    def _credentials(self, account_id: uuid.UUID, address: str) -> Credentials:
        with self.database.reading() as connection:
            found = password_check.by_id(connection, account_id, network_of(address))
        if found is None:
            raise WrongCredentialsError
        return found

    @contextlib.contextmanager
    def _attempt(self, found: Credentials, address: str, action: str) -> Iterator[None]:
        """Runs the block as an attempt, and records it as refused if it raises WrongCredentialsError."""
        network = network_of(address)
        with self.throttle.attempt(found.email_key, network, found.is_known_network, WrongCredentialsError):
            try:
                yield
            except WrongCredentialsError as error:
                with self.transactions.begin() as transaction:
                    transaction.record(Event(action, str(found.account_id), outcome=error.reason))
                raise


def _locked(transaction: AccountTransaction, account_id: uuid.UUID) -> StoredFactor:
    stored = second_factors.lock(transaction.connection, account_id)
    if stored is None:
        # The account was deleted while the call was running.
        raise WrongSecondFactorError
    return stored
