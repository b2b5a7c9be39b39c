"""Activation codes as Identity sees them: each gives its days to one account, once, and can be taken back."""

import datetime
from dataclasses import dataclass

import grpc
from sqlalchemy import bindparam, func, null, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.audit.recording import Event
from services.chassis.errors import DomainError
from services.identity.accounts.accounts import PENDING
from services.identity.accounts.transactions import AccountTransaction
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
