"""Carries claims and deletions over to Identity: by a call at once and, where that failed, by the jobs."""

import uuid
from dataclasses import dataclass

import procrastinate
import structlog

from services.activation.codes.codes import CodeNotFoundError
from services.activation.redeeming import redemption
from services.activation.redeeming.claiming import Claim
from services.activation.redeeming.entitlements import (
    ACCOUNT_NOT_FOUND,
    ACTIVATION_APPLIED_ELSEWHERE,
    ACTIVATION_CLEARED,
    Entitlement,
    EntitlementRefusedError,
    Entitlements,
)
from services.activation.redeeming.redemption import CodeAlreadyUsedError
from services.activation.redeeming.settled_jobs import SettledJobs
from services.chassis.identity.client import IdentityUnavailableError
from services.chassis.identity.principals import TokenRevokedError
from services.chassis.jobs.queue import UntilItSucceeds
from services.chassis.postgres.database import Database

_log = structlog.get_logger(__name__)

# What a caller is told of a final refusal.
_ANSWERS = {
    ACCOUNT_NOT_FOUND: TokenRevokedError,
    ACTIVATION_CLEARED: CodeNotFoundError,
    ACTIVATION_APPLIED_ELSEWHERE: CodeAlreadyUsedError,
}


@dataclass(frozen=True)
class Fulfilment:
    """What follows at Identity from a claim or a deletion. Everything may be done twice."""

    database: Database
    entitlements: Entitlements

    def apply(self, claim: Claim) -> Entitlement:
        """Gives the account what it has claimed. The claim stands until that, or a final refusal, is known.

        Raises EntitlementRefusedError after the claim was given up, and IdentityUnavailableError.
        """
        try:
            return self.entitlements.apply(claim.account_id, claim.activation_code, claim.expiry_date)
        except EntitlementRefusedError as refusal:
            with self.database.transaction() as connection:
                redemption.give_up(connection, claim, refusal)
            _log.warning("claim_given_up", account_id=str(claim.account_id), reason=refusal.reason)
            raise


@dataclass(frozen=True)
class FulfilmentAtOnce:
    """The same while the caller waits: what is done needs no job any more."""

    fulfilment: Fulfilment
    settled: SettledJobs

    def apply(self, claim: Claim) -> Entitlement:
        """Gives the account what it has claimed.

        Raises IdentityUnavailableError when the job has to do it; TokenRevokedError, CodeNotFoundError or
        CodeAlreadyUsedError when account or code turned out to be gone.
        """
        try:
            given = self.fulfilment.apply(claim)
        except EntitlementRefusedError as refusal:
            self._settle(claim.job_id)
            raise _ANSWERS[refusal.reason] from refusal
        self._settle(claim.job_id)
        return given

    def clear(self, activation_code: str, job_id: int) -> None:
        """Takes back what a deleted code gave. If Identity cannot be asked, the job does it: nothing is raised."""
        try:
            self.fulfilment.entitlements.clear(activation_code)
        except IdentityUnavailableError:
            _log.warning("clearing_left_to_job", job=job_id)
        else:
            self._settle(job_id)

    def _settle(self, job_id: int | None) -> None:
        if job_id is not None:
            self.settled.add(job_id)


def tasks(fulfilment: Fulfilment) -> procrastinate.Blueprint:
    """The jobs `fastmp:apply_activation` and `fastmp:clear_activation`, retried until they succeed.

    Arguments show up where jobs are looked at, so a code that can still be redeemed is named by its id.
    """
    blueprint = procrastinate.Blueprint()

    @blueprint.task(name="apply_activation", retry=UntilItSucceeds())
    def apply_activation(code_id: str) -> None:
        with fulfilment.database.reading() as connection:
            claim = redemption.claimed(connection, uuid.UUID(code_id))
        if claim is None:
            return
        try:
            fulfilment.apply(claim)
        except EntitlementRefusedError as refusal:
            _log.info("job_settled_by_refusal", reason=refusal.reason)

    @blueprint.task(name="clear_activation", retry=UntilItSucceeds())
    def clear_activation(activation_code: str) -> None:
        fulfilment.entitlements.clear(activation_code)

    return blueprint
