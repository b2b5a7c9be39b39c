"""Makes the first admin, without whom nobody could make another one."""

import datetime
import secrets
import sys
import uuid
from collections.abc import Callable

from services.chassis.audit.recording import AuditLog
from services.chassis.errors import DomainError
from services.chassis.identity.principals import ADMIN_ROLE
from services.chassis.postgres.database import Database
from services.identity.accounts import accounts
from services.identity.accounts.accounts import EmailTakenError, NewAccount
from services.identity.accounts.transactions import AccountTransactions
from services.identity.passwords.hashes import SALT_BYTES, hash_password
from services.identity.settings import IdentitySettings
from services.identity.tables import audit


def ensure_admin(settings: IdentitySettings, now: Callable[[], datetime.datetime]) -> None:
    """The command ensure-admin: makes an admin from ADMIN_EMAIL and ADMIN_PASSWORD unless one has the e-mail.

    Writes one line, "created" or "exists". An account that exists keeps its password and its role; if it is no
    admin's, standard error says so. Ends the process with status 2 for a setting that is missing, 1 without a
    database.
    """
    if settings.admin_email is None or settings.admin_password is None:
        missing = "ADMIN_EMAIL" if settings.admin_email is None else "ADMIN_PASSWORD"
        sys.stderr.write(f"bad setting {missing}: ensure-admin needs it\n")
        sys.exit(2)
    database = Database(settings.identity_database_url, pool_size=2)
    try:
        # This process has no cache that would have to hear of the change.
        transactions = AccountTransactions(
            database, now, AuditLog(audit, now), lambda _account_id, _sequence: None
        )
        password = settings.admin_password.get_secret_value()
        outcome = _ensure(database, transactions, settings.admin_email, password)
    except DomainError as error:
        sys.stderr.write(f"ensure-admin: {error.reason}\n")
        sys.exit(1)
    finally:
        database.dispose()
    sys.stdout.write(f"{outcome}\n")


def _ensure(database: Database, transactions: AccountTransactions, email: str, password: str) -> str:
    with database.reading() as connection:
        known = accounts.find_by_email(connection, email)
    if known is None:
        new = NewAccount(
            uuid.uuid4(), email, hash_password(password, secrets.token_bytes(SALT_BYTES)), ADMIN_ROLE
        )
        try:
            with transactions.begin() as transaction:
                accounts.create(transaction, new)
        except EmailTakenError:
            # Another replica's start was faster.
            return "exists"
        return "created"
    if known.role != ADMIN_ROLE:
        sys.stderr.write("ensure-admin: the account of ADMIN_EMAIL exists and is not an admin\n")
    return "exists"
