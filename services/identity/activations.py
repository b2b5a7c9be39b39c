"""Activation codes as Identity sees them: each gives its days to one account, once, and can be taken back."""

import datetime
import uuid
from dataclasses import dataclass

import grpc
from sqlalchemy import Connection, bindparam, func, null, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.audit.recording import Event
from services.chassis.errors import DomainError
from services.identity.account_transactions import AccountTransaction
from services.identity.accounts import PENDING, AccountNotFoundError
from services.identity.tables import account_activations, accounts

ACTIVE = "active"


@dataclass(eq=False)
class ActivationClearedError(DomainError):
    """The code was taken back; what it gave is gone."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "ACTIVATION_CLEARED"
    message: str = "激活码已被删除"


@dataclass(eq=False)
class ActivationAppliedElsewhereError(DomainError):
    """Another account has the code's days."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "ACTIVATION_APPLIED_ELSEWHERE"
    message: str = "激活码已被其他账号使用"


@dataclass(frozen=True)
class Applied:
    """What a code gave: to whom, and until when."""

    email: str
    expired_time: datetime.datetime


_REMEMBER = (
    insert(account_activations)
    .on_conflict_do_nothing(index_elements=[account_activations.c.activation_code])
    .returning(account_activations.c.activation_code)
)
_RECALL = select(account_activations).where(account_activations.c.activation_code == bindparam("code"))
_APPLY = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_account"))
    .values(
        activation_code=bindparam("code"),
        activation_status=ACTIVE,
        expired_time=bindparam("until"),
        updated_at=bindparam("now"),
    )
    .returning(accounts.c.email)
)
_EMAIL = select(accounts.c.email).where(accounts.c.id == bindparam("of_account"))
_clear = insert(account_activations)
_MARK_CLEARED = _clear.on_conflict_do_update(
    index_elements=[account_activations.c.activation_code],
    set_={"cleared_at": func.coalesce(account_activations.c.cleared_at, _clear.excluded.cleared_at)},
)
_TAKE_BACK = (
    update(accounts)
    .where(accounts.c.activation_code == bindparam("code"))
    .values(
        activation_code=null(),
        expired_time=null(),
        activation_status=PENDING,
        updated_at=bindparam("now"),
    )
    .returning(accounts.c.id)
)


def apply(
    transaction: AccountTransaction, account_id: uuid.UUID, code: str, expired_time: datetime.datetime
) -> Applied:
    """Gives the account the days of `code` (32 lower-case hex digits), which end at `expired_time`.

    Idempotent by `code`: a repeat changes nothing and gives the first answer. Raises AccountNotFoundError,
    ActivationClearedError, ActivationAppliedElsewhereError.
    """
    connection = transaction.connection
    memory = {
        "activation_code": code,
        "account_id": account_id,
        "expired_time": expired_time,
        "applied_at": transaction.now,
    }
    # The row is taken before the account is touched: of two calls with one code the second waits here.
    if connection.execute(_REMEMBER, memory).one_or_none() is None:
        return _recall(connection, account_id, code)
    email = connection.execute(
        _APPLY, {"of_account": account_id, "code": code, "until": expired_time, "now": transaction.now}
    ).scalar_one_or_none()
    if email is None:
        raise AccountNotFoundError
    transaction.changed(account_id)
    until = {"expired_time": expired_time.isoformat()}
    transaction.record(Event("activation_applied", str(account_id), details=until))
    return Applied(email, expired_time)


def clear(transaction: AccountTransaction, code: str) -> bool:
    """Takes the days of `code` back; from now on it cannot be applied. Gives whether an account carried it.

    Idempotent.
    """
    connection = transaction.connection
    connection.execute(_MARK_CLEARED, {"activation_code": code, "cleared_at": transaction.now})
    account_id = connection.execute(_TAKE_BACK, {"code": code, "now": transaction.now}).scalar_one_or_none()
    if account_id is None:
        return False
    transaction.changed(account_id)
    transaction.record(Event("activation_cleared", str(account_id)))
    return True


def _recall(connection: Connection, account_id: uuid.UUID, code: str) -> Applied:
    known = connection.execute(_RECALL, {"code": code}).one()
    if known.cleared_at is not None:
        raise ActivationClearedError
    if known.account_id != account_id:
        raise ActivationAppliedElsewhereError
    email = connection.execute(_EMAIL, {"of_account": account_id}).scalar_one_or_none()
    if email is None:
        raise AccountNotFoundError
    return Applied(email, known.expired_time)
