"""Application of activation codes: each gives access to one account, once, and can be cleared.

An account's access is what its codes give in the order in which they were redeemed (`access.py`), in whatever order
applications, repeats and clears arrive: Identity stores when each code was redeemed (`account_activations`), and
computes the access again from the codes that count. Those redeemed before an admin last set the access do not
count, nor those before the last code that does not add days to others (docs/decisions/0081).
"""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from sqlalchemy import Connection, DateTime, Row, Text, Uuid, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.audit.recording import Event
from services.chassis.errors import DomainError
from services.chassis.identity.access_days import UNLIMITED, extended, what_is_left
from services.chassis.identity.principals import AccountRevokedError
from services.chassis.identity.statuses import ACTIVE, PENDING, REVOKED
from services.chassis.language import Localized
from services.identity.accounts.access import Access, RedeemedCode, access_by
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
class Grant:
    """What a code gives: access until `expired_time`, or for `added_days` after what the account has left."""

    expired_time: datetime.datetime | None = None
    added_days: int | None = None


@dataclass(frozen=True)
class Applied:
    """The account that a code was applied to, and the end of the access; None if it does not end."""

    email: str
    expired_time: datetime.datetime | None


_memory = account_activations.c
_account = accounts.c
_code = bindparam("code", type_=Text)
_id = bindparam("id_", type_=Uuid)
_REMEMBER = (
    insert(account_activations)
    .on_conflict_do_nothing(index_elements=[_memory.activation_code])
    .returning(_memory.activation_code)
)
_RECALL = (
    select(_memory.account_id, _memory.expired_time, _memory.cleared_at, _account.email)
    .select_from(account_activations.outerjoin(accounts, _account.id == _memory.account_id))
    .where(_memory.activation_code == _code)
)
_ACCOUNT = select(
    _account.id,
    _account.email,
    _account.activation_status,
    _account.activation_code,
    _account.expired_time,
    _account.activation_set_at,
).with_for_update()
_LOCK_ACCOUNT = _ACCOUNT.where(_account.id == _id)
_applied_to = select(_memory.account_id).where(_memory.activation_code == _code).scalar_subquery()
_LOCK_ACCOUNT_OF = _ACCOUNT.where(or_(_account.activation_code == _code, _account.id == _applied_to))
# For codes applied by releases that did not store redemption times, the time of application counts.
_redeemed = func.coalesce(_memory.redeemed_at, _memory.applied_at)
_MINUS_INFINITY = cast("-infinity", DateTime(timezone=True))
_last_from_now = (
    select(func.max(_redeemed))
    .where(_memory.account_id == _id, _memory.added_days.is_(None))
    .scalar_subquery()
)
_CODES_THAT_COUNT = (
    select(
        _memory.activation_code,
        _redeemed,
        _memory.expired_time,
        _memory.added_days,
        _memory.left_before,
        _memory.cleared_at.is_not(None),
    )
    .where(
        _memory.account_id == _id,
        # A later change by an admin is kept.
        _redeemed >= func.coalesce(bindparam("set_at", type_=DateTime(timezone=True)), _MINUS_INFINITY),
        _redeemed >= func.coalesce(_last_from_now, _MINUS_INFINITY),
    )
    .order_by(_redeemed, _memory.activation_code)
)
_SETTLE = update(account_activations).where(_memory.activation_code == _code)
_SET_ACCESS = update(accounts).where(_account.id == _id)
_clear = insert(account_activations)
# Returns nothing if the code was cleared before.
_MARK_CLEARED = _clear.on_conflict_do_update(
    index_elements=[_memory.activation_code],
    set_={"cleared_at": _clear.excluded.cleared_at},
    where=_memory.cleared_at.is_(None),
).returning(_memory.account_id, _memory.added_days)


class Activations:
    """Applies and clears codes (32 lower-case hex digits). Each call is one transaction. Thread-safe."""

    def __init__(self, transactions: AccountTransactions) -> None:
        self._transactions = transactions

    def apply(
        self,
        account_id: uuid.UUID,
        activation_code: str,
        grant: Grant,
        redeemed_time: datetime.datetime | None,
    ) -> Applied:
        """Gives the account what the code grants, as of `redeemed_time`; None means now.

        Idempotent by code: a repeat changes nothing and returns the first answer. Raises AccountNotFoundError,
        AccountRevokedError, ActivationClearedError, ActivationAppliedElsewhereError.
        """
        with self._transactions.begin() as transaction:
            connection, redeemed = transaction.connection, redeemed_time or transaction.now
            row = {
                "activation_code": activation_code,
                "account_id": account_id,
                "expired_time": grant.expired_time,
                "added_days": grant.added_days,
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
            codes = _codes_that_count(connection, account)
            left = _left_before(codes, account, activation_code)
            own = next(
                (place for place, one in enumerate(codes) if one.activation_code == activation_code), None
            )
            answer = grant.expired_time
            if grant.added_days is not None:
                # If it does not count, the answer is what it would give alone.
                end = extended(None, redeemed, grant.added_days)
                answer = _stored(end if own is None else access_by(codes[: own + 1], left).end)
                settled = {"expired_time": answer, "left_before": left}
                connection.execute(_SETTLE.values(settled), {"code": activation_code})
            if own is not None:
                access = access_by(codes, left)
                _set_access(transaction, account_id, access.activation_code, ACTIVE, access.end)
                transaction.changed(account_id)
            details = {"expired_time": "" if answer is None else answer.isoformat()}
            if own is None:
                details["superseded"] = "yes"
            transaction.record(Event("activation_applied", str(account_id), details=details))
            return Applied(account.email, answer)

    def clear(self, activation_code: str) -> bool:
        """Ends the access that the code gave and prevents its application.

        Returns whether it gave an account access until now. The account keeps the days that it has left without the
        code; without any it becomes pending, unless it is revoked. Idempotent.
        """
        with self._transactions.begin() as transaction:
            connection = transaction.connection
            # The account before the code's row, in the same order as everywhere.
            account = connection.execute(_LOCK_ACCOUNT_OF, {"code": activation_code}).one_or_none()
            cleared = {"activation_code": activation_code, "cleared_at": transaction.now}
            memory = connection.execute(_MARK_CLEARED, cleared).one_or_none()
            if memory is None:
                return False
            if account is None and memory.account_id is not None:
                # The code was applied in between.
                account = connection.execute(_LOCK_ACCOUNT, {"id_": memory.account_id}).one_or_none()
            if account is None:
                return False
            codes = _codes_that_count(connection, account)
            if any(code.activation_code == activation_code for code in codes):
                access = access_by(codes, _left_before(codes, account))
            elif account.activation_code != activation_code:
                return False
            elif memory.added_days is None:
                access = Access(None, None)
            else:
                # What an admin has set since the redemption.
                access = Access(None, what_is_left(account.activation_status, account.expired_time))
            _take_back(transaction, account, access)
            transaction.changed(account.id)
            transaction.record(Event("activation_cleared", str(account.id)))
            return True


def _codes_that_count(connection: Connection, account: Row[*tuple[Any, ...]]) -> list[RedeemedCode]:
    values = {"id_": account.id, "set_at": account.activation_set_at}
    return [RedeemedCode(*row) for row in connection.execute(_CODES_THAT_COUNT, values)]


def _left_before(
    codes: Sequence[RedeemedCode], account: Row[*tuple[Any, ...]], new_code: str | None = None
) -> datetime.datetime | None:
    """Returns the `left_before` of the codes but the new one; without any that have it, what is left now."""
    for code in codes:
        if code.added_days is not None and code.activation_code != new_code:
            return code.left_before
    return what_is_left(account.activation_status, account.expired_time)


def _take_back(transaction: AccountTransaction, account: Row[*tuple[Any, ...]], access: Access) -> None:
    status = account.activation_status
    if access.end is not None and access.end > transaction.now:
        _set_access(transaction, account.id, access.activation_code, status, access.end)
    else:
        _set_access(transaction, account.id, None, REVOKED if status == REVOKED else PENDING, None)


def _set_access(
    transaction: AccountTransaction,
    account_id: uuid.UUID,
    activation_code: str | None,
    status: str,
    end: datetime.datetime | None,
) -> None:
    values = {
        "activation_code": activation_code,
        "activation_status": status,
        "expired_time": _stored(end),
        "updated_at": transaction.now,
    }
    transaction.connection.execute(_SET_ACCESS.values(values), {"id_": account_id})


def _stored(end: datetime.datetime | None) -> datetime.datetime | None:
    return None if end == UNLIMITED else end


def _first_answer(transaction: AccountTransaction, account_id: uuid.UUID, activation_code: str) -> Applied:
    known = transaction.connection.execute(_RECALL, {"code": activation_code}).one()
    if known.cleared_at is not None:
        raise ActivationClearedError
    if known.account_id != account_id:
        raise ActivationAppliedElsewhereError
    if known.email is None:
        raise AccountNotFoundError
    return Applied(known.email, known.expired_time)
