"""Commands for operators: the first admin, lost passwords, lost second factors, and new keys."""

import contextlib
import datetime
import secrets
import sys
import uuid
from collections.abc import Callable, Iterator

from services.chassis import key_rotation
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.errors import DomainError
from services.chassis.identity.statuses import ADMIN_ROLE
from services.chassis.postgres.database import Database
from services.identity.accounts import accounts, second_factors
from services.identity.accounts.accounts import (
    AccountNotFoundError,
    AccountUpdate,
    EmailTakenError,
    NewAccount,
)
from services.identity.accounts.transactions import AccountTransactions
from services.identity.passwords.hashes import SALT_BYTES, canonical, hash_password
from services.identity.settings import IdentitySettings
from services.identity.tables import audit

NEW_PASSWORD_BYTES = 18


def ensure_admin(settings: IdentitySettings, now: Callable[[], datetime.datetime]) -> None:
    """The command ensure-admin: creates an admin from ADMIN_EMAIL and ADMIN_PASSWORD unless there is an admin.

    Writes one line, "created" or "exists". An account that has the e-mail keeps its password and its role; if there
    is no admin, standard error says so. Ends the process with status 2 for a setting that is missing, 1 without a
    database.
    """
    if settings.admin_email is None or settings.admin_password is None:
        missing = "ADMIN_EMAIL" if settings.admin_email is None else "ADMIN_PASSWORD"
        sys.stderr.write(f"bad setting {missing}: ensure-admin needs it\n")
        sys.exit(2)
    with _database("ensure-admin", settings) as database:
        password = settings.admin_password.get_secret_value()
        outcome = _ensure(database, _transactions(database, settings, now), settings.admin_email, password)
    sys.stdout.write(f"{outcome}\n")


def reset_password(settings: IdentitySettings, email: str, now: Callable[[], datetime.datetime]) -> None:
    """The command reset-password: sets a new password for the account with the e-mail and ends all its tokens.

    Writes one line, the password, which is not stored anywhere. Ends the process with status 1 when no account has
    the e-mail, and without a database.
    """
    password = secrets.token_urlsafe(NEW_PASSWORD_BYTES)
    with (
        _database("reset-password", settings) as database,
        _transactions(database, settings, now).begin() as change,
    ):
        account = accounts.find_by_email(change.connection, email)
        if account is None:
            raise AccountNotFoundError
        new = AccountUpdate(password_hash=_new_hash(password))
        accounts.change(change, account.id, new, action="password_reset")
    sys.stdout.write(f"{password}\n")


def remove_second_factor(
    settings: IdentitySettings, email: str, now: Callable[[], datetime.datetime]
) -> None:
    """The command remove-second-factor: removes the second factor of the account with the e-mail, for a lost phone.

    Writes one line, "removed" or "none". Ends the process with status 1 when no account has the e-mail, and without
    a database.
    """
    with (
        _database("remove-second-factor", settings) as database,
        _transactions(database, settings, now).begin() as change,
    ):
        account = accounts.find_by_email(change.connection, email)
        if account is None:
            raise AccountNotFoundError
        if account.has_second_factor:
            second_factors.remove(change.connection, account.id, change.now)
            change.changed(account.id)
            change.record(Event("second_factor_removed", str(account.id)))
    sys.stdout.write("removed\n" if account.has_second_factor else "none\n")


def rotate_totp_keys(settings: IdentitySettings) -> None:
    """The command rotate-totp-keys: re-encrypts the secrets of second factors with the first of TOTP_KEYS.

    Writes one line with the number of secrets that were changed. Ends the process with status 2 if TOTP_KEYS is not
    set, and 1 without a database, or if no key decrypts some secret.
    """
    vault = settings.totp_vault
    if vault is None:
        sys.stderr.write("bad setting TOTP_KEYS: rotate-totp-keys needs it\n")
        sys.exit(2)
    with _database("rotate-totp-keys", settings) as database:
        rotated = key_rotation.rotate(database, vault, second_factors.ENCRYPTED)
    sys.stdout.write(f"{rotated.changed}\n")
    if rotated.unreadable:
        sys.exit(1)


@contextlib.contextmanager
def _database(command: str, settings: IdentitySettings) -> Iterator[Database]:
    url = settings.identity_direct_database_url or settings.identity_database_url
    database = Database(url, pool_size=2)
    try:
        yield database
    except DomainError as error:
        sys.stderr.write(f"{command}: {error.reason}\n")
        sys.exit(1)
    finally:
        database.dispose()


def _transactions(
    database: Database, settings: IdentitySettings, now: Callable[[], datetime.datetime]
) -> AccountTransactions:
    audit_log = AuditLog(audit, settings.audit_key.get_secret_value().encode(), now)
    # This process has no cache to invalidate; the replicas follow the feed.
    return AccountTransactions(database, now, audit_log, lambda _account_id, _sequence: None)


def _ensure(database: Database, transactions: AccountTransactions, email: str, password: str) -> str:
    with database.reading() as connection:
        if accounts.has_admin(connection):
            return "exists"
    new = NewAccount(uuid.uuid4(), email, _new_hash(password), ADMIN_ROLE)
    try:
        with transactions.begin() as transaction:
            accounts.create(transaction, new)
    except EmailTakenError:
        with database.reading() as connection:
            # Otherwise another replica has created it first.
            if not accounts.has_admin(connection):
                sys.stderr.write("ensure-admin: the account of ADMIN_EMAIL exists and is not an admin\n")
        return "exists"
    return "created"


def _new_hash(password: str) -> str:
    return hash_password(canonical(password), secrets.token_bytes(SALT_BYTES))
