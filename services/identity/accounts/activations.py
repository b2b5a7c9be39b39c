"""Application of activation codes: each gives access to one account, once, and can be cleared.

The code that an account redeemed last wins, in whatever order applications, repeats and clears arrive: Identity
stores when each code was redeemed (`account_activations`), and an older one changes nothing.
"""

import datetime
import uuid
from dataclasses import dataclass

import grpc
from sqlalchemy import (
    DateTime,
    Text,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from services.chassis.audit.recording import Event
from services.chassis.errors import DomainError
from services.chassis.identity.principals import AccountRevokedError
from services.chassis.identity.statuses import ACTIVE, PENDING, REVOKED
from services.chassis.language import Localized
from services.identity.accounts.accounts import AccountNotFoundError
from services.identity.accounts.transactions import AccountTransaction, AccountTransactions
from services.identity.tables import account_activations, accounts


class ActivationClearedError(DomainError):
    """The code was cleared, and the access that it gave has ended."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "ACTIVATION_CLEARED"
    message = Localized("激活码已被删除", "The activation code has been deleted")


class ActivationAppliedElsewhereError(DomainError):
    """The code was applied to another account."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "ACTIVATION_APPLIED_ELSEWHERE"
    message = Localized("激活码已被其他账号使用", "Another account has used the activation code")


@dataclass(frozen=True)
class Applied:
    """The account that a code was applied to, and the end of the access."""

    email: str
    expired_time: datetime.datetime


_memory = account_activations.c
_account = accounts.c
_REMEMBER = (
    insert(account_activations)
    .on_conflict_do_nothing(index_elements=[_memory.activation_code])
    .returning(_memory.activation_code)
)
_RECALL = (
    select(_memory.account_id, _memory.expired_time, _memory.cleared_at, _account.email)
    .select_from(account_activations.outerjoin(accounts, _account.id == _memory.account_id))
    .where(_memory.activation_code == bindparam("code"))
)
_LOCK_ACCOUNT = (
    select(_account.email, _account.activation_status)
    .where(_account.id == bindparam("id_"))
    .with_for_update()
)
_redeemed = bindparam("redeemed", type_=DateTime(timezone=True))
_code = bindparam("code", type_=Text)
_id = bindparam("id_", type_=Uuid)
# For codes applied by releases that did not store redemption times, the time of application counts.
_later = exists().where(
    _memory.account_id == _id,
    tuple_(func.coalesce(_memory.redeemed_at, _memory.applied_at), _memory.activation_code)
    > tuple_(_redeemed, _code),
)
_GIVE = (
    update(accounts)
    .where(
        _account.id == _id,
        ~_later,
        # A later change by an admin is kept.
        or_(_account.activation_set_at.is_(None), _account.activation_set_at <= _redeemed),
    )
    .values(
        activation_code=_code,
        activation_status=ACTIVE,
        expired_time=bindparam("until", type_=DateTime(timezone=True)),
        updated_at=bindparam("now", type_=DateTime(timezone=True)),
    )
)
_clear = insert(account_activations)
_MARK_CLEARED = _clear.on_conflict_do_update(
    index_elements=[_memory.activation_code],
    set_={"cleared_at": func.coalesce(_memory.cleared_at, _clear.excluded.cleared_at)},
)
_LOCK_CARRIER = select(_account.id).where(_account.activation_code == _code).with_for_update()
_TAKE_BACK = (
    update(accounts)
    .where(_account.activation_code == _code)
    .values(
        activation_code=null(),
        expired_time=null(),
        activation_status=case((_account.activation_status == REVOKED, REVOKED), else_=PENDING),
        updated_at=bindparam("now", type_=DateTime(timezone=True)),
    )
    .returning(_account.id)
)


class Activations:
    """Applies and clears codes (32 lower-case hex digits). Each call is one transaction. Thread-safe."""

    def __init__(self, transactions: AccountTransactions) -> None:
        self._transactions = transactions

    def apply(
        self,
        account_id: uuid.UUID,
        activation_code: str,
        expired_time: datetime.datetime,
        redeemed_time: datetime.datetime | None,
    ) -> Applied:
        """Gives the account access until `expired_time`, unless it redeemed another code after `redeemed_time`, or
        an admin set its access after that. None means now.

        Idempotent by code: a repeat changes nothing and returns the first answer. Raises AccountNotFoundError,
        AccountRevokedError, ActivationClearedError, ActivationAppliedElsewhereError.
        """
        with self._transactions.begin() as transaction:
            connection, redeemed = transaction.connection, redeemed_time or transaction.now
            row = {
                "activation_code": activation_code,
                "account_id": account_id,
                "expired_time": expired_time,
                "redeemed_at": redeemed,
                "applied_at": transaction.now,
            }
            if connection.execute(_REMEMBER, row).one_or_none() is None:
                return _first_answer(transaction, account_id, activation_code)
            # Serialises codes of the account, so that each sees those applied before it.
            account = connection.execute(_LOCK_ACCOUNT, {"id_": account_id}).one_or_none()
            if account is None:
                raise AccountNotFoundError
            if account.activation_status == REVOKED:
                raise AccountRevokedError
            given = {
                "id_": account_id,
                "code": activation_code,
                "redeemed": redeemed,
                "until": expired_time,
                "now": transaction.now,
            }
            is_newest = connection.execute(_GIVE, given).rowcount == 1
            if is_newest:
                transaction.changed(account_id)
            details = {"expired_time": expired_time.isoformat()}
            if not is_newest:
                details["superseded"] = "yes"
            transaction.record(Event("activation_applied", str(account_id), details=details))
            return Applied(account.email, expired_time)

    def clear(self, activation_code: str) -> bool:
        """Ends the access that the code gave and prevents its application.

        Returns whether it was applied to an account.

        A revoked account stays revoked. Idempotent.
        """
        with self._transactions.begin() as transaction:
            connection = transaction.connection
            # The account before the code's row, in the same order as everywhere.
            connection.execute(_LOCK_CARRIER, {"code": activation_code})
            cleared = {"activation_code": activation_code, "cleared_at": transaction.now}
            connection.execute(_MARK_CLEARED, cleared)
            values = {"code": activation_code, "now": transaction.now}
            account_id = connection.execute(_TAKE_BACK, values).scalar_one_or_none()
            if account_id is None:
                return False
            transaction.changed(account_id)
            transaction.record(Event("activation_cleared", str(account_id)))
            return True


def _first_answer(transaction: AccountTransaction, account_id: uuid.UUID, activation_code: str) -> Applied:
    known = transaction.connection.execute(_RECALL, {"code": activation_code}).one()
    if known.cleared_at is not None:
        raise ActivationClearedError
    if known.account_id != account_id:
        raise ActivationAppliedElsewhereError
    if known.email is None:
        raise AccountNotFoundError
    return Applied(known.email, known.expired_time)
