"""Deletes a code and ends the access that it gave to the account that redeemed it."""

from dataclasses import dataclass

import structlog

from services.activation.codes import deletion
from services.activation.redeeming.entitlements import CLEAR_ACTIVATION, CLEAR_JOB_DELAY_SECONDS, Entitlements
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.code_digest import code_digest
from services.chassis.identity.client import IdentityUnavailableError
from services.chassis.jobs.queue import Jobs
from services.chassis.postgres.database import Database

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class CodeDeletion:
    """Implements DeleteCode. Thread-safe."""

    database: Database
    jobs: Jobs
    entitlements: Entitlements
    audit: AuditLog

    def delete(self, activation_code: str) -> None:
        """Deletes the code and ends the access that it gave; if Identity is unavailable, a job does the latter.

        Raises CodeNotFoundError.
        """
        with self.database.transaction() as connection:
            code_id = deletion.remove(connection, activation_code)
            # An unredeemed code is cleared as well: this database may be a restored backup older than Identity's.
            job_id = self.jobs.enqueue(
                connection,
                CLEAR_ACTIVATION,
                delay_seconds=CLEAR_JOB_DELAY_SECONDS,
                activation_code=activation_code,
            )
            # By the digest, services.reconcile finds that Identity is older than this deletion.
            details = {"code_digest": code_digest(activation_code)}
            self.audit.record(connection, Event("code_deleted", str(code_id), details=details))
        try:
            self.entitlements.clear(activation_code)
        except IdentityUnavailableError:
            _log.warning("clearing_left_to_job", job=job_id)
        else:
            self.jobs.withdraw(self.database, job_id)
