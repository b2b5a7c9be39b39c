"""Redeeming a code: one account takes it, whatever happens at once or fails half-way."""

import datetime
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
from sqlalchemy import ColumnElement, Connection, and_, select, update

from services.activation.codes import codes
from services.activation.codes.codes import COLUMNS, Code
from services.activation.redeeming.claiming import Claim, Claimant, Claiming, ClaimWish
from services.activation.redeeming.entitlements import (
    ACCOUNT_NOT_FOUND,
    ACTIVATION_APPLIED_ELSEWHERE,
    EntitlementRefusedError,
)
from services.activation.redeeming.guessing import CodeGuessing
from services.activation.tables import activation_codes
from services.chassis import context as calls
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.batching import Batching, TurnNotReachedError
from services.chassis.errors import ConflictError, DatabaseUnavailableError, DomainError
from services.chassis.jobs.queue import Jobs
from services.chassis.postgres.database import Database

# By then one more costs as much in a batch as in the next.
LARGEST_BATCH = 64


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
        self._claiming = Claiming(jobs, guessing, audit)
        self._together: Batching[ClaimWish, Claim | None] = Batching(self._take, LARGEST_BATCH)

    def redeem(self, activation_code: str, claimant: Claimant) -> Claim:
        """Takes a pending code for the account, from now for its days, and enqueues the job that applies it.

        Idempotent: an account that has the code gets its first claim again. Raises CodeNotFoundError,
        CodeRevokedError, CodeExpiredError, CodeAlreadyUsedError, ConflictError when an admin changed the code in
        the same moment, and instead of any of them ActivationThrottledError after too many wrong codes.
        """
        wish = ClaimWish(activation_code, claimant, self._audit.entry(Event("code_activated")))
        try:
            return self._together.do(wish, calls.remaining_time()) or self._take_or_refuse(wish)
        except TurnNotReachedError:
            raise DatabaseUnavailableError from None
        except codes.CodeNotFoundError:
            self._guessing.count(wish.guesser)
            raise
        except (CodeRevokedError, CodeExpiredError, CodeAlreadyUsedError, ConflictError):
            # These tell that there is such a code, to those who have guesses left.
            self._guessing.check(wish.guesser)
            raise

    def _take(self, wishes: Sequence[ClaimWish]) -> list[Claim | None]:
        # Whoever wants a code that somebody has locked waits for it alone, and nobody else with it.
        with self._database.transaction() as connection:
            return self._claiming.take(connection, wishes, self._now(), waiting=False)

    def _take_or_refuse(self, wish: ClaimWish) -> Claim:
        with self._database.transaction() as connection:
            code = codes.get(connection, wish.activation_code)
            if code.activation_status == "pending":
                [claim] = self._claiming.take(connection, [wish], self._now(), waiting=True)
                if claim is not None:
                    return claim
                code = codes.get(connection, wish.activation_code)
        return _earlier_claim(code, wish.claimant.account_id, self._now())


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
