"""`python -m services.reconcile`: makes the services' databases agree after backups were restored.

Without --apply it only reports: everything is written, and rolled back at the end. The services must be stopped.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator

from sqlalchemy import text

from services.activation.reconciling.codes import CodesPart
from services.activation.tables import audit as activation_audit
from services.chassis.audit.recording import SERVICE_ACTOR, AuditLog
from services.chassis.audit.tables import AuditTables
from services.chassis.clock import utc_now
from services.chassis.errors import DomainError
from services.chassis.postgres.database import Database
from services.chassis.postgres.held_transaction import HeldTransaction, held_transaction
from services.chassis.settings import load
from services.chassis.strong_secret import StrongSecret
from services.identity.accounts.transactions import AccountTransactions
from services.identity.reconciling.accounts import AccountsPart
from services.identity.reconciling.redemptions import RedemptionsPart
from services.identity.tables import audit as identity_audit
from services.notifications.reconciling.following import FollowingPart
from services.reconcile.reconciliation import Reconciliation
from services.reconcile.report import Report
from services.reconcile.settings import ReconcileSettings
from services.wechat_cookie.audit_tables import audit as wechat_cookie_audit
from services.wechat_cookie.reconciling.cookies import CookiesPart

ACTOR = f"{SERVICE_ACTOR}reconcile"
_SERVICES = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name LIKE 'fastmp%'"
)


class _NotApplied(Exception):  # noqa: N818 - not an error: rolls the transactions back
    """Ends a run without --apply."""


class _ServicesRunningError(Exception):
    """A service is connected to its database."""


def reconcile(settings: ReconcileSettings, *, applies: bool, ends_tokens: bool) -> Report:
    """Reconciles the databases and returns the report; without `applies`, nothing is kept.

    Raises DomainError if a database cannot be used; what is committed until then stays, and another run goes on.
    """
    report = Report()
    with contextlib.suppress(_NotApplied), contextlib.ExitStack() as held:
        # Committed in the reverse order, Identity's first.
        notifications = held.enter_context(_transaction(settings.notifications_database_url))
        cookies = held.enter_context(_transaction(settings.wechat_cookie_database_url))
        codes = held.enter_context(_transaction(settings.activation_database_url))
        accounts = held.enter_context(_transaction(settings.identity_database_url))
        # This process has no cache to invalidate.
        transactions = AccountTransactions(
            accounts,
            utc_now,
            _audit_log(identity_audit, settings.identity_audit_key),
            lambda _account_id, _sequence: None,
        )
        activation_log = _audit_log(activation_audit, settings.activation_audit_key)
        cookies_log = _audit_log(wechat_cookie_audit, settings.wechat_cookie_audit_key)
        Reconciliation(
            AccountsPart(accounts.connection, transactions, utc_now),
            RedemptionsPart(accounts.connection, transactions),
            CodesPart(codes.connection, activation_log, utc_now),
            CookiesPart(cookies.connection, cookies_log, utc_now),
            FollowingPart(notifications.connection),
            report,
        ).run(ends_tokens=ends_tokens)
        if not applies:
            raise _NotApplied
    return report


@contextlib.contextmanager
def _transaction(url: str) -> Iterator[HeldTransaction]:
    database = Database(url, pool_size=1, application_name="fastmp-reconcile")
    try:
        with held_transaction(database) as held:
            if held.connection.execute(_SERVICES).scalar_one():
                raise _ServicesRunningError
            yield held
    finally:
        database.dispose()


def _audit_log(tables: AuditTables, key: StrongSecret) -> AuditLog:
    return AuditLog(tables, key.get_secret_value().encode(), utc_now, actor=ACTOR)


def main() -> int:
    """Runs the command and returns the exit status: 0, or 1 after one line if a database cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m services.reconcile", description=__doc__)
    parser.add_argument("--apply", action="store_true", help="write what the report says")
    parser.add_argument(
        "--keep-tokens",
        action="store_true",
        help="do not end all access tokens; only if Identity's database was not restored",
    )
    arguments = parser.parse_args()
    try:
        report = reconcile(
            load(ReconcileSettings), applies=arguments.apply, ends_tokens=not arguments.keep_tokens
        )
    except _ServicesRunningError:
        sys.stderr.write("reconcile: a service uses its database; stop all services first\n")
        return 1
    except DomainError as error:
        sys.stderr.write(f"reconcile: {error.reason}\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in report.lines())
    if not arguments.keep_tokens:
        ended = "were ended" if arguments.apply else "will be ended"
        sys.stdout.write(f"all access tokens and password links {ended}: everyone signs in again\n")
    if not arguments.apply:
        sys.stdout.write("nothing was written; with --apply it is\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
