"""Applies codes to accounts at Identity, and clears deleted ones.

Each is an idempotent call, made while the caller waits and, if that fails, repeated by a job until it
succeeds.
"""

import datetime
import uuid
from collections.abc import Callable, Mapping

import grpc
import procrastinate
import structlog

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.activation.codes import deletion
from services.activation.codes.codes import CodeNotFoundError
from services.activation.redeeming import claims
from services.activation.redeeming.claims import Claim, CodeAlreadyUsedError
from services.chassis import context as calls
from services.chassis.audit.recording import SERVICE_ACTOR, AuditLog, Event
from services.chassis.errors import DomainError, reason_of
from services.chassis.identity.client import metadata, unavailable
from services.chassis.identity.principals import AccountRevokedError, TokenRevokedError
from services.chassis.jobs.queue import UntilItSucceeds
from services.chassis.postgres.database import Database

_log = structlog.get_logger(__name__)

CLEAR_ACTIVATION = "fastmp:clear_activation"
CLEAR_JOB_DELAY_SECONDS = 5

ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
ACCOUNT_REVOKED = "ACCOUNT_REVOKED"
ACTIVATION_CLEARED = "ACTIVATION_CLEARED"
ACTIVATION_APPLIED_ELSEWHERE = "ACTIVATION_APPLIED_ELSEWHERE"
# Identity's permanent refusals and the corresponding errors of Activate.
REFUSALS: Mapping[str, type[DomainError]] = {
    ACCOUNT_NOT_FOUND: TokenRevokedError,
    ACCOUNT_REVOKED: AccountRevokedError,
    ACTIVATION_CLEARED: CodeNotFoundError,
    ACTIVATION_APPLIED_ELSEWHERE: CodeAlreadyUsedError,
}


class Entitlements:
    """Calls Identity's ApplyActivation and ClearActivation. Thread-safe."""

    def __init__(
        self,
        identity: grpc.Channel,
        database: Database,
        audit: AuditLog,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._stub = pb_grpc.IdentityServiceStub(identity)
        self._database = database
        self._audit = audit
        self._now = now

    def apply(self, claim: Claim) -> pb.ApplyActivationResponse:
        """Applies a claim to its account and returns Identity's first answer to the code. Idempotent.

        Raises IdentityUnavailableError if the outcome is unknown. If Identity refuses permanently,
        the claim is released and one of the errors in REFUSALS is raised.
        """
        request = pb.ApplyActivationRequest(
            account_id=str(claim.account_id),
            activation_code=claim.activation_code,
        )
        if claim.added_days is None:
            request.expired_time.FromDatetime(claim.expiry_date)
        else:
            request.added_days = claim.added_days
        request.redeemed_time.FromDatetime(claim.redeemed_time)
        try:
            answer = self._stub.ApplyActivation(
                request, timeout=calls.outgoing_timeout(), metadata=metadata()
            )
        except grpc.RpcError as error:
            reason = reason_of(error) or ""
            if reason not in REFUSALS:
                raise unavailable(error) from error
            self._release(claim, reason)
            raise REFUSALS[reason] from error
        if answer.HasField("expired_time"):
            self._settle(claim, answer.expired_time.ToDatetime(tzinfo=datetime.UTC))
        return answer

    def clear(self, activation_code: str) -> None:
        """Ends the access that a deleted code gave, if any. Idempotent. Raises IdentityUnavailableError."""
        request = pb.ClearActivationRequest(activation_code=activation_code)
        try:
            self._stub.ClearActivation(request, timeout=calls.outgoing_timeout(), metadata=metadata())
        except grpc.RpcError as error:
            raise unavailable(error) from error

    def _settle(self, claim: Claim, expiry_date: datetime.datetime) -> None:
        # It differs for a code that adds days: only Identity knows what the account had left.
        if claim.expiry_date != expiry_date:
            with self._database.transaction() as connection:
                claims.settle(connection, claim, expiry_date)

    def _release(self, claim: Claim, reason: str) -> None:
        with self._database.transaction() as connection:
            if reason == ACCOUNT_NOT_FOUND:
                deletion.remove_of_account(connection, claim.account_id)
            elif reason == ACTIVATION_CLEARED:
                claims.delete_claimed(connection, claim)
            elif reason == ACTIVATION_APPLIED_ELSEWHERE:
                # Possible only after a backup was restored.
                claims.revoke_claimed(connection, claim)
            elif claims.release(connection, claim, self._now()):
                actor = f"{SERVICE_ACTOR}activation"
                self._audit.record(
                    connection, Event("code_released", str(claim.code_id), reason, actor=actor)
                )
        _log.warning("claim_given_up", account_id=str(claim.account_id), reason=reason)


def tasks(entitlements: Entitlements, database: Database) -> procrastinate.Blueprint:
    """Returns the jobs `fastmp:apply_activation` and `fastmp:clear_activation`, repeated until they succeed.

    Arguments of jobs are visible to operators, so a code that can still be redeemed is passed by id.
    """
    blueprint = procrastinate.Blueprint()

    @blueprint.task(name="apply_activation", retry=UntilItSucceeds())
    def apply_activation(code_id: str) -> None:
        with database.reading() as connection:
            claim = claims.claimed(connection, uuid.UUID(code_id))
        if claim is None:
            return
        try:
            entitlements.apply(claim)
        except tuple(REFUSALS.values()) as refusal:
            _log.info("job_ended_by_refusal", reason=refusal.reason)

    @blueprint.task(name="clear_activation", retry=UntilItSucceeds())
    def clear_activation(activation_code: str) -> None:
        entitlements.clear(activation_code)

    return blueprint
