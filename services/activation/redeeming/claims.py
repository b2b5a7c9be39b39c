"""Claims of codes by accounts: made by a conditional UPDATE, and released if Identity refuses them."""

import datetime
import uuid
from dataclasses import dataclass, field

import grpc
from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    LargeBinary,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from services.activation.codes import deletion
from services.activation.codes.batches import was_revoked_since
from services.activation.codes.codes import COLUMNS, Code
from services.activation.codes.iso_time import TO_CHAR, IsoTime
from services.activation.redeeming.guessing import CodeGuessing, Guesser
from services.activation.tables import activation_codes
from services.chassis.errors import ConflictError, DomainError
from services.chassis.identity.access_days import FROM_EXPIRY
from services.chassis.identity.statuses import ACTIVE, EXPIRED, PENDING, REVOKED
from services.chassis.jobs.queue import Jobs
from services.chassis.language import Localized

APPLY_ACTIVATION = "fastmp:apply_activation"
# The job is a fallback; the delay lets the call itself apply the claim.
APPLY_JOB_DELAY_SECONDS = 5

_code = activation_codes.c
_UNBOUND = dict.fromkeys(("account_id", "user_email", "activation_time", "expiry_date"))


class CodeRevokedError(DomainError):
    """An admin has revoked the code."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CODE_REVOKED"
    message = Localized("激活码已被作废", "The activation code has been revoked")


class CodeExpiredError(DomainError):
    """The code has expired."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CODE_EXPIRED"
    message = Localized("激活码已过期", "The activation code has expired")


class CodeTooLateError(DomainError):
    """The code was not redeemed before its redeem_before."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CODE_TOO_LATE"
    message = Localized("激活码已过兑换期限", "The time to redeem the activation code has passed")


class CodeAlreadyUsedError(DomainError):
    """Another account has redeemed the code."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CODE_ALREADY_USED"
    message = Localized("激活码已被使用", "The activation code has already been used")


# They reveal that a code exists.
KNOWN_CODE_ERRORS = (
    CodeRevokedError,
    CodeExpiredError,
    CodeTooLateError,
    CodeAlreadyUsedError,
    ConflictError,
)


@dataclass(frozen=True)
class Claim:
    """A code that an account has redeemed, with the time and the end of the access; aware datetimes."""

    code_id: uuid.UUID
    account_id: uuid.UUID
    activation_code: str = field(repr=False)
    redeemed_time: datetime.datetime
    # Of a code with added_days, this is known when it was applied; until then it is as if nothing had been left.
    expiry_date: datetime.datetime
    # The days that are added to what the account has left; None if the days count from now.
    added_days: int | None = None
    # The job that applies the claim if the call does not. None if an earlier call made the claim.
    job_id: int | None = None


class Claims:
    """Makes claims. Thread-safe."""

    def __init__(self, jobs: Jobs, guessing: CodeGuessing) -> None:
        self._guessing = guessing
        now = bindparam("now", type_=DateTime(timezone=True))
        redeemed = _redeemed_time(now)
        arguments = func.jsonb_build_object(literal("code_id", Text), _code.id)
        self._take = (
            update(activation_codes)
            .where(
                _code.activation_code == bindparam("wanted"),
                _code.activation_status == PENDING,
                or_(_code.redeem_before.is_(None), _code.redeem_before > _stored(now)),
                guessing.has_guesses_left(
                    bindparam("by_account", type_=LargeBinary),
                    bindparam("by_address", type_=LargeBinary),
                    now,
                ),
            )
            .values(
                activation_status=ACTIVE,
                account_id=bindparam("account", type_=Uuid),
                user_email=bindparam("email", type_=Text),
                activation_time=_stored(redeemed),
                expiry_date=_stored(redeemed + func.make_interval(0, 0, 0, _code.valid_days)),
                update_time=_stored(redeemed),
            )
            .returning(
                _code.id,
                _code.activation_time,
                _code.expiry_date,
                _code.days_from,
                _code.valid_days,
                jobs.enqueuing(APPLY_ACTIVATION, arguments, delay_seconds=APPLY_JOB_DELAY_SECONDS),
            )
        )

    def take(
        self,
        connection: Connection,
        activation_code: str,
        guesser: Guesser,
        email: str,
        now: datetime.datetime,
    ) -> Claim | None:
        """Claims a pending code for the account from `now` on and enqueues the job that applies it.

        Of concurrent claims of a code the first wins. Returns None if the code is not pending, or if the account or
        its address has no guesses left.
        """
        by_account, by_address = self._guessing.keys(guesser)
        values = {
            "wanted": activation_code,
            "account": guesser.account_id,
            "email": email,
            "by_account": by_account,
            "by_address": by_address,
            "now": now,
        }
        row = connection.execute(self._take, values).one_or_none()
        if row is None:
            return None
        code_id, redeemed_time, expiry_date, days_from, valid_days, job_id = row
        added_days = _added_days(days_from, valid_days)
        return Claim(
            code_id, guesser.account_id, activation_code, redeemed_time, expiry_date, added_days, job_id
        )


def earlier_claim(code: Code, account_id: uuid.UUID, now: datetime.datetime) -> Claim:
    """Returns the claim that an earlier call of the account made on a code.

    Raises CodeTooLateError, CodeExpiredError, CodeRevokedError, CodeAlreadyUsedError, or ConflictError if the code
    has become pending concurrently.
    """
    if code.is_too_late(now):
        raise CodeTooLateError
    status = code.status_at(now)
    if status == EXPIRED:
        raise CodeExpiredError
    # Revoking a redeemed code does not end the account's access, so a repeat is answered as before.
    claim = _claim_on(code)
    if claim is not None and claim.account_id == account_id:
        return claim
    refusals = {PENDING: ConflictError, REVOKED: CodeRevokedError}
    raise refusals.get(status, CodeAlreadyUsedError)()


def claimed(connection: Connection, code_id: uuid.UUID) -> Claim | None:
    """Returns the claim on a code, or None if the code was deleted or released meanwhile."""
    row = connection.execute(select(*COLUMNS).where(_code.id == code_id)).one_or_none()
    return None if row is None else _claim_on(Code(*row))


def delete_claimed(connection: Connection, claim: Claim) -> None:
    """Deletes the claimed code. Idempotent."""
    deletion.remove_matching(connection, _is(claim))


def revoke_claimed(connection: Connection, claim: Claim) -> None:
    """Revokes the claimed code and removes its account. Idempotent."""
    connection.execute(
        update(activation_codes).where(_is(claim)).values(activation_status=REVOKED, **_UNBOUND)
    )


def release(connection: Connection, claim: Claim, now: datetime.datetime) -> bool:
    """Makes the code pending again, or revoked if an admin has revoked it, or its batch, meanwhile.

    Does nothing and returns False if the code no longer belongs to this claim.
    """
    batch_id = connection.execute(select(_code.batch_id).where(_is(claim))).scalar_one_or_none()
    # While the claim was there, the revocation of the batch did not change the code.
    is_revoked = batch_id is not None and was_revoked_since(connection, batch_id, claim.redeemed_time)
    unused = REVOKED if is_revoked else PENDING
    status = case((_code.activation_status == ACTIVE, unused), else_=_code.activation_status)
    statement = update(activation_codes).where(_is(claim), _code.activation_time == claim.redeemed_time)
    values = {"activation_status": status, "update_time": now, **_UNBOUND}
    return connection.execute(statement.values(**values)).rowcount == 1


def settle(connection: Connection, claim: Claim, expiry_date: datetime.datetime) -> None:
    """Stores the end of the access that a claimed code has given. Idempotent."""
    statement = update(activation_codes).where(_is(claim), _code.activation_time == claim.redeemed_time)
    connection.execute(statement.values(expiry_date=expiry_date))


def _claim_on(code: Code) -> Claim | None:
    if code.account_id is None or code.activation_time is None or code.expiry_date is None:
        return None
    added_days = _added_days(code.days_from, code.valid_days)
    return Claim(
        code.id, code.account_id, code.activation_code, code.activation_time, code.expiry_date, added_days
    )


def _added_days(days_from: str, valid_days: int) -> int | None:
    return valid_days if days_from == FROM_EXPIRY else None


def _redeemed_time(now: ColumnElement[datetime.datetime]) -> ColumnElement[datetime.datetime]:
    # After all codes that the account has redeemed before, also if the clocks of replicas differ: the code that was
    # redeemed last wins. Deleted codes are not considered.
    known = activation_codes.alias("known")
    latest = select(func.max(type_coerce(known.c.activation_time, Text))).where(
        known.c.account_id == bindparam("account", type_=Uuid)
    )
    after = cast(latest.scalar_subquery(), DateTime(timezone=True)) + datetime.timedelta(microseconds=1)
    return func.greatest(now, after, type_=DateTime(timezone=True))


def _stored(time: ColumnElement[datetime.datetime]) -> ColumnElement[datetime.datetime]:
    return type_coerce(func.to_char(func.timezone("UTC", time), cast(TO_CHAR, Text)), IsoTime)


def _is(claim: Claim) -> ColumnElement[bool]:
    return and_(_code.id == claim.code_id, _code.account_id == claim.account_id)
