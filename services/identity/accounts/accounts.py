"""Creates, reads, changes and deletes the rows of accounts."""

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from sqlalchemy import ARRAY, Connection, Uuid, any_, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.audit.recording import Event
from services.chassis.code_digest import code_digest
from services.chassis.errors import DomainError
from services.chassis.identity.statuses import ADMIN_ROLE, PENDING, USER_ROLE
from services.chassis.language import Localized
from services.chassis.postgres.database import Database
from services.identity.accounts import password_links
from services.identity.accounts.emails import email_key
from services.identity.accounts.transactions import AccountTransaction
from services.identity.tables import account_activations, account_feed, accounts

# Of one answer of following().
MOST_FOLLOWING = 1000


class EmailTakenError(DomainError):
    """Another account has the e-mail."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "EMAIL_TAKEN"
    message = Localized("该邮箱已被注册", "This e-mail is already registered")


class AccountNotFoundError(DomainError):
    """The account does not exist."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "ACCOUNT_NOT_FOUND"
    message = Localized("账号不存在", "There is no such account")


class LastAdminError(DomainError):
    """The change would leave the system without an administrator."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "LAST_ADMIN"
    message = Localized("不能删除或降级最后一个管理员", "The last admin cannot be deleted or demoted")


@dataclass(frozen=True)
class Account:
    """An account as stored, in the order of COLUMNS. `activation_status` is the last value that was set."""

    id: uuid.UUID
    email: str
    role: str
    activation_status: str
    expired_time: datetime.datetime | None
    created_at: datetime.datetime
    # See services.identity.sign_in.tokens.
    tokens_valid_after: int
    has_second_factor: bool


@dataclass(frozen=True)
class NewAccount:
    """The values of a new account."""

    id: uuid.UUID
    email: str
    password_hash: str = field(repr=False)
    role: str = USER_ROLE


@dataclass(frozen=True)
class AccountUpdate:
    """New values; None leaves a value unchanged."""

    password_hash: str | None = field(default=None, repr=False)
    role: str | None = None
    activation_status: str | None = None
    expired_time: datetime.datetime | None = None

    def values(self) -> dict[str, Any]:
        """Returns the new values by column."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def audit_details(self) -> dict[str, str]:
        """Returns the new values for the audit log; a password appears as "new"."""
        details = {name: str(value) for name, value in self.values().items() if name != "password_hash"}
        return details if self.password_hash is None else {**details, "password": "new"}


COLUMNS = (
    accounts.c.id,
    accounts.c.email,
    accounts.c.role,
    accounts.c.activation_status,
    accounts.c.expired_time,
    accounts.c.created_at,
    accounts.c.tokens_valid_after,
    accounts.c.totp_confirmed_at.is_not(None).label("has_second_factor"),
)
# Ends every token issued so far; see services.identity.sign_in.tokens.
END_TOKENS: Mapping[Any, Any] = {
    accounts.c.tokens_valid_after: func.greatest(accounts.c.tokens_valid_after, accounts.c.newest_token)
}

_BY_ID = select(*COLUMNS).where(accounts.c.id == bindparam("account_id"))
_LOCK = select(accounts.c.id).where(accounts.c.id == bindparam("account_id")).with_for_update(key_share=True)
_BY_EMAIL = select(*COLUMNS).where(accounts.c.email_key == bindparam("key"))
_INSERT = insert(accounts).on_conflict_do_nothing(index_elements=[accounts.c.email_key]).returning(*COLUMNS)
_DELETE = delete(accounts).where(accounts.c.id == bindparam("account_id"))
_ANY_ADMIN = select(exists().where(accounts.c.role == ADMIN_ROLE))
_FORGET_CODES = (
    delete(account_activations)
    .where(account_activations.c.account_id == bindparam("id_"))
    .returning(account_activations.c.activation_code)
)
_LOCK_ADMINS = (
    select(accounts.c.id)
    .where(accounts.c.role == ADMIN_ROLE)
    # Always in the same order, to prevent deadlocks.
    .order_by(accounts.c.id)
    .with_for_update(key_share=True)
)
# One statement reads the head of the feed and the accounts, so that the head is not newer than they are.
_EXISTING = select(account_feed.c.sequence, *COLUMNS).select_from(
    account_feed.outerjoin(
        accounts,
        (accounts.c.id == any_(bindparam("account_ids", type_=ARRAY(Uuid))))
        | (accounts.c.email_key == bindparam("key")),
    )
)
_FOLLOWING = (
    select(*COLUMNS).where(accounts.c.id > bindparam("after")).order_by(accounts.c.id).limit(MOST_FOLLOWING)
)


def get(connection: Connection, account_id: uuid.UUID) -> Account:
    """Returns the account. Raises AccountNotFoundError."""
    row = connection.execute(_BY_ID, {"account_id": account_id}).one_or_none()
    if row is None:
        raise AccountNotFoundError
    return Account(*row)


def lock(connection: Connection, account_id: uuid.UUID) -> bool:
    """Locks the account until the transaction ends, against changes and deletion. Returns whether it exists."""
    return connection.execute(_LOCK, {"account_id": account_id}).one_or_none() is not None


def find_by_email(connection: Connection, email: str) -> Account | None:
    """Returns the account that has this address in any spelling, or None."""
    row = connection.execute(_BY_EMAIL, {"key": email_key(email)}).one_or_none()
    return None if row is None else Account(*row)


def has_admin(connection: Connection) -> bool:
    """Returns whether there is any admin."""
    return connection.execute(_ANY_ADMIN).scalar_one()


def existing(
    connection: Connection, account_ids: Sequence[uuid.UUID], email: str | None = None
) -> tuple[int, list[Account]]:
    """Returns the existing accounts, including that of `email`, and the feed sequence they are current as of."""
    key = None if email is None else email_key(email)
    rows = connection.execute(_EXISTING, {"account_ids": list(account_ids), "key": key}).all()
    return rows[0].sequence, [Account(*row[1:]) for row in rows if row.id is not None]


def following(connection: Connection, account_id: uuid.UUID) -> list[Account]:
    """Returns the accounts whose ids follow `account_id`, in the order of the ids, at most MOST_FOLLOWING."""
    return [Account(*row) for row in connection.execute(_FOLLOWING, {"after": account_id})]


def emails_of(database: Database, account_ids: Sequence[str]) -> Mapping[str, str]:
    """Returns the e-mails of those accounts that exist, by id. Raises the same errors as Database.reading()."""
    with database.reading() as connection:
        _, found = existing(connection, [uuid.UUID(account_id) for account_id in account_ids])
    return {str(account.id): account.email for account in found}


def create(transaction: AccountTransaction, new: NewAccount) -> Account:
    """Creates a pending account. Raises EmailTakenError if any spelling of the e-mail is taken."""
    values = {
        **vars(new),
        "email_key": email_key(new.email),
        "activation_status": PENDING,
        "created_at": transaction.now,
        "updated_at": transaction.now,
    }
    row = transaction.connection.execute(_INSERT, values).one_or_none()
    if row is None:
        raise EmailTakenError
    transaction.changed(new.id)
    transaction.record(Event("account_created", str(new.id), details={"role": new.role}))
    return Account(*row)


def change(
    transaction: AccountTransaction,
    account_id: uuid.UUID,
    new: AccountUpdate,
    action: str = "account_changed",
    actor: str | None = None,
) -> Account:
    """Sets the new values; a password ends all tokens and the password link. Idempotent.

    `action` and `actor` are those of the audit entry; without an actor, it is the caller. Raises
    AccountNotFoundError, or LastAdminError if no admin would be left.
    """
    values = new.values()
    if not values:
        return get(transaction.connection, account_id)
    if new.role == USER_ROLE:
        _keep_an_admin(transaction.connection, account_id)
    if new.password_hash is not None:
        values.update({column.name: value for column, value in END_TOKENS.items()})
    if new.activation_status is not None or new.expired_time is not None:
        values["activation_set_at"] = transaction.now
    statement = update(accounts).where(accounts.c.id == account_id).values(**values)
    row = transaction.connection.execute(
        statement.values(updated_at=transaction.now).returning(*COLUMNS)
    ).one_or_none()
    if row is None:
        raise AccountNotFoundError
    transaction.changed(account_id)
    if new.password_hash is not None:
        password_links.drop(transaction.connection, account_id)
    transaction.record(Event(action, str(account_id), details=new.audit_details(), actor=actor))
    return Account(*row)


def remove(transaction: AccountTransaction, account_id: uuid.UUID) -> None:
    """Deletes the account and the records of its codes. Raises AccountNotFoundError, LastAdminError."""
    _keep_an_admin(transaction.connection, account_id)
    if transaction.connection.execute(_DELETE, {"account_id": account_id}).rowcount == 0:
        raise AccountNotFoundError
    codes = transaction.connection.execute(_FORGET_CODES, {"id_": account_id}).scalars()
    transaction.deleted(account_id)
    # By the digests, services.reconcile finds codes of the account that an older Activation takes for unused.
    digests = ",".join(sorted(code_digest(code) for code in codes))
    details = {"code_digests": digests} if digests else {}
    transaction.record(Event("account_deleted", str(account_id), details=details))


def _keep_an_admin(connection: Connection, account_id: uuid.UUID) -> None:
    # The admins stay locked until the end of the transaction: of two concurrent removals of the last two admins,
    # the second waits here and then finds one admin left.
    if list(connection.scalars(_LOCK_ADMINS)) == [account_id]:
        raise LastAdminError
