"""Redemption without a replica around it: its rules over a database, and jobs that nothing works on."""

import datetime
from collections.abc import Callable

from services.activation.redeeming.claims import Claims
from services.activation.redeeming.entitlements import Entitlements, tasks
from services.activation.redeeming.guessing import WINDOW, CodeGuessing, Limits
from services.activation.redeeming.redemption import Redemption
from services.activation.tables import attempts, audit
from services.chassis.audit.recording import AuditLog
from services.chassis.jobs.queue import Jobs
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import Attempts
from tests.support.audit_key import AUDIT_KEY

NEVER_CALLED: Entitlements = None  # type: ignore[assignment]


def bare_jobs(database: Database, database_url: str) -> Jobs:
    """Jobs that can be enqueued; no worker is started."""
    return Jobs(database_url, tasks(NEVER_CALLED, database))


def bare_claims(database: Database, database_url: str, now: Callable[[], datetime.datetime]) -> Claims:
    """The claims by themselves."""
    return Claims(bare_jobs(database, database_url), guessing(database, now))


def bare_redemption(
    database: Database, database_url: str, now: Callable[[], datetime.datetime]
) -> Redemption:
    """The rules with the limits that a replica has by default; only claim() works."""
    jobs = bare_jobs(database, database_url)
    return Redemption(
        database, jobs, guessing(database, now), NEVER_CALLED, AuditLog(audit, AUDIT_KEY, now), now
    )


def guessing(database: Database, now: Callable[[], datetime.datetime]) -> CodeGuessing:
    """The limits that a replica has by default."""
    return CodeGuessing(Attempts(database, attempts, WINDOW, now), Limits(by_account=10, by_address=100))
