"""Redeeming a code: one account takes it, whatever happens at once or fails half-way."""

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import grpc
from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    select,
    type_coerce,
    update,
)

from services.activation import codes
from services.activation.codes import COLUMNS, Code
from services.activation.entitlements import (
    ACCOUNT_NOT_FOUND,
    ACTIVATION_APPLIED_ELSEWHERE,
    EntitlementRefusedError,
)
from services.activation.guessing import CodeGuessing, Guesser
from services.activation.iso_time import TO_CHAR, IsoTime
from services.activation.tables import activation_codes
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.database import Database
from services.chassis.errors import ConflictError, DomainError
from services.chassis.jobs import Jobs

APPLY_ACTIVATION = "fastmp:apply_activation"
# The job is only for what the call at once did not do, and leaves it the time to do it.
APPLY_JOB_DELAY_SECONDS = 5


@dataclass(eq=False)
class CodeRevokedError(DomainError):
    """An admin has revoked the code."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CODE_REVOKED"
    message: str = "激活码已被作废"


@dataclass(eq=False)
class CodeExpiredError(DomainError):
    """The code's days are over."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CODE_EXPIRED"
    message: str = "激活码已过期"


@dataclass(eq=False)
class CodeAlreadyUsedError(DomainError):
    """Another account has redeemed the code."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CODE_ALREADY_USED"
    message: str = "激活码已被使用"


@dataclass(frozen=True)
class Claim:
    """A code that an account has taken, until when, and the job that applies it if nobody else does."""

    code_id: uuid.UUID
    account_id: uuid.UUID
    activation_code: str
    expiry_date: datetime.datetime
    # None when the claim was made by an earlier call.
    job_id: int | None

    @property
    def is_new(self) -> bool:
        """Whether this call made it, and not an earlier one."""
        return self.job_id is not None


@dataclass(frozen=True)
class Claimant:
    """Who redeems a code: an account with its e-mail, from an IP address."""

    account_id: uuid.UUID
    email: str
    address: str


class Redemption:
    """Takes codes for accounts. Thread-safe."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        guessing: CodeGuessing,
        audit: AuditLog,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._database = database
        self._guessing = guessing
        self._audit = audit
        self._now = now
        self._take = _taking(jobs, guessing)

    def redeem(self, activation_code: str, claimant: Claimant) -> Claim:
        """Takes a pending code for the account, from now for its days, and enqueues the job that applies it.

        Idempotent: an account that has the code gets its first claim again. Raises CodeNotFoundError,
        CodeRevokedError, CodeExpiredError, CodeAlreadyUsedError, ConflictError when an admin changed the code in
        the same moment, and instead of any of them ActivationThrottledError after too many wrong codes.
        """
        guesser = Guesser(claimant.account_id, claimant.address)
        try:
            with self._database.transaction() as connection:
                claim = self.claim(connection, activation_code, claimant)
                if claim.is_new:
                    self._audit.record(connection, Event("code_activated", str(claim.code_id)))
                return claim
        except codes.CodeNotFoundError:
            self._guessing.count(guesser)
            raise
        except (CodeRevokedError, CodeExpiredError, CodeAlreadyUsedError, ConflictError):
            # These tell that there is such a code, to those who have guesses left.
            self._guessing.check(guesser)
            raise

    def claim(self, connection: Connection, activation_code: str, claimant: Claimant) -> Claim:
        """The claim alone, without record. One statement decides, so it needs no transaction around it.

        Raises as redeem() does, but for the limits: a code that they keep from the claimant raises ConflictError.
        """
        now = self._now()
        values = {
            **self._guessing.values(Guesser(claimant.account_id, claimant.address), now),
            "code": activation_code,
            "account": claimant.account_id,
            "email": claimant.email,
            "time": now,
        }
        row = connection.execute(self._take, values).one_or_none()
        if row is not None:
            return Claim(row[0], claimant.account_id, activation_code, row[1], row[2])
        return _earlier_claim(codes.get(connection, activation_code), claimant.account_id, now)


def claimed(connection: Connection, code_id: uuid.UUID) -> Claim | None:
    """The claim on a code; None when the code was deleted or given back meanwhile."""
    row = connection.execute(select(*COLUMNS).where(activation_codes.c.id == code_id)).one_or_none()
    code = None if row is None else codes.code_of(row)
    if code is None or code.account_id is None or code.expiry_date is None:
        return None
    return Claim(code.id, code.account_id, code.activation_code, code.expiry_date, None)


def give_up(connection: Connection, taken: Claim, refusal: EntitlementRefusedError) -> None:
    """Brings the code to where Identity's final refusal leaves it. Needs a transaction. Idempotent.

    The code of an account that is gone goes with it. One that Identity knows to be deleted is deleted. One that
    Identity gave to another account, which only a restored backup can bring about, is nobody's here and revoked.
    """
    if refusal.reason == ACCOUNT_NOT_FOUND:
        codes.remove_of_account(connection, taken.account_id)
    elif refusal.reason == ACTIVATION_APPLIED_ELSEWHERE:
        _revoke_unbound(connection, taken)
    else:
        connection.execute(activation_codes.delete().where(_is(taken)))


def _taking(jobs: Jobs, guessing: CodeGuessing) -> Select[uuid.UUID, datetime.datetime, int]:
    time = bindparam("time", type_=IsoTime)
    taken = (
        update(activation_codes)
        .where(activation_codes.c.activation_code == bindparam("code"))
        .where(activation_codes.c.activation_status == "pending")
        .where(guessing.has_guesses_left)
        .values(
            activation_status="active",
            account_id=bindparam("account"),
            user_email=bindparam("email"),
            activation_time=time,
            expiry_date=_days_after(bindparam("now", type_=DateTime(timezone=True))),
            update_time=time,
        )
        .returning(activation_codes.c.id, activation_codes.c.expiry_date)
        .cte("taken")
    )
    job = jobs.enqueuing(
        APPLY_ACTIVATION,
        func.jsonb_build_object(literal("code_id", Text), taken.c.id),
        delay_seconds=APPLY_JOB_DELAY_SECONDS,
    )
    return select(taken.c.id, taken.c.expiry_date, job)


def _days_after(now: ColumnElement[datetime.datetime]) -> ColumnElement[datetime.datetime]:
    in_utc = func.timezone("UTC", now)
    days = func.make_interval(0, 0, 0, activation_codes.c.valid_days)
    return type_coerce(func.to_char(in_utc + days, cast(TO_CHAR, Text)), IsoTime)


def _earlier_claim(code: Code, account_id: uuid.UUID, now: datetime.datetime) -> Claim:
    status = code.status_at(now)
    if status == "expired":
        raise CodeExpiredError
    # An account keeps the days of a code that was revoked after it redeemed it, so its repeat is answered too.
    if code.account_id == account_id and code.expiry_date is not None:
        return Claim(code.id, account_id, code.activation_code, code.expiry_date, None)
    # Made pending again between the two looks at it: a repeat may take it.
    refusals = {"pending": ConflictError, "revoked": CodeRevokedError}
    raise refusals.get(status, CodeAlreadyUsedError)()


def _revoke_unbound(connection: Connection, taken: Claim) -> None:
    nobody = dict.fromkeys(("account_id", "user_email", "activation_time", "expiry_date"))
    statement = update(activation_codes).where(_is(taken))
    connection.execute(statement.values(activation_status="revoked", **nobody))


def _is(taken: Claim) -> ColumnElement[bool]:
    return and_(
        activation_codes.c.activation_code == taken.activation_code,
        activation_codes.c.account_id == taken.account_id,
    )
