"""Redemption of codes: claims one for an account in a transaction, then applies it by an idempotent call."""

import datetime
import uuid
from collections.abc import Callable

from fastmp.identity.v1 import identity_service_pb2 as identity_pb
from services.activation.codes import codes
from services.activation.codes.codes import CodeNotFoundError
from services.activation.redeeming.claims import KNOWN_CODE_ERRORS, Claim, Claims, earlier_claim
from services.activation.redeeming.entitlements import Entitlements
from services.activation.redeeming.guessing import CodeGuessing, Guesser
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.identity.principals import AccountRevokedError, Principal
from services.chassis.identity.statuses import REVOKED
from services.chassis.jobs.queue import Jobs
from services.chassis.postgres.database import Database


class Redemption:
    """Redeems codes. Thread-safe."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        guessing: CodeGuessing,
        entitlements: Entitlements,
        audit: AuditLog,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._guessing = guessing
        self._claims = Claims(jobs, guessing)
        self._entitlements = entitlements
        self._audit = audit
        self._now = now

    def redeem(
        self, activation_code: str, account: Principal, address: str
    ) -> identity_pb.ApplyActivationResponse:
        """Redeems a pending code for the account, whose client has the IP address `address`.

        Idempotent: a repeat by the same account returns the first answer. Raises AccountRevokedError,
        CodeNotFoundError, CodeRevokedError, CodeExpiredError, CodeTooLateError, CodeAlreadyUsedError, ConflictError
        if an admin changed the code concurrently, ActivationThrottledError instead of any of them after too many
        wrong codes, TokenRevokedError if the account was deleted, and IdentityUnavailableError; then a job goes on.
        """
        if account.activation_status == REVOKED:
            raise AccountRevokedError
        claim = self.claim(activation_code, account, address)
        answer = self._entitlements.apply(claim)
        if claim.job_id is not None:
            self._jobs.withdraw(self._database, claim.job_id)
        return answer

    def claim(self, activation_code: str, account: Principal, address: str) -> Claim:
        """Claims the code and enqueues the job that applies the claim.

        Idempotent. Raises the same errors as redeem().
        """
        guesser = Guesser(uuid.UUID(account.account_id), address)
        try:
            return self._claim(activation_code, guesser, account.email)
        except CodeNotFoundError:
            self._guessing.count(guesser)
            raise
        except KNOWN_CODE_ERRORS:
            # These errors reveal that the code exists, so they are not raised over the limit.
            self._guessing.check(guesser)
            raise

    def _claim(self, activation_code: str, guesser: Guesser, email: str) -> Claim:
        now = self._now()
        with self._database.transaction() as connection:
            claim = self._claims.take(connection, activation_code, guesser, email, now)
            if claim is None:
                return earlier_claim(codes.get(connection, activation_code), guesser.account_id, now)
            self._audit.record(connection, Event("code_activated", str(claim.code_id)))
            return claim
