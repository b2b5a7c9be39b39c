"""Redemption without a replica around it: its rules over a database, and jobs that nobody works on."""

import datetime
from collections.abc import Callable

from services.activation.redeeming.claiming import Claiming
from services.activation.redeeming.fulfilment import Fulfilment, tasks
from services.activation.redeeming.guessing import WINDOW, CodeGuessing, Limits
from services.activation.redeeming.redemption import Redemption
from services.activation.tables import attempts, audit
from services.chassis.audit.recording import AuditLog
from services.chassis.jobs.queue import Jobs
from services.chassis.postgres.database import Database
from services.chassis.throttling.tally import Tally
from tests.support.audit_key import AUDIT_KEY


def bare_jobs(database_url: str) -> Jobs:
    """Jobs that can be enqueued; no worker is started."""
    never_called: Fulfilment = None  # type: ignore[assignment]
    return Jobs(database_url, tasks(never_called))


def bare_claiming(database: Database, database_url: str, now: Callable[[], datetime.datetime]) -> Claiming:
    """The statement by itself."""
    return Claiming(bare_jobs(database_url), _guessing(database, now), AuditLog(audit, AUDIT_KEY, now))


def bare_redemption(
    database: Database, database_url: str, now: Callable[[], datetime.datetime]
) -> Redemption:
    """The rules with the limits that a replica has by default."""
    guessing = _guessing(database, now)
    return Redemption(database, bare_jobs(database_url), guessing, AuditLog(audit, AUDIT_KEY, now), now)


def _guessing(database: Database, now: Callable[[], datetime.datetime]) -> CodeGuessing:
    return CodeGuessing(Tally(database, attempts, WINDOW, now), Limits(by_account=10, by_address=100))
