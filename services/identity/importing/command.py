"""The command import-fastmp: imports the accounts of another FastMP, and leaves a Handover."""

import datetime
from collections.abc import Callable, Iterator

from services.chassis.audit.recording import AuditLog
from services.chassis.importing import command
from services.chassis.importing.codes import TABLE as CODES
from services.chassis.importing.codes import source_codes
from services.chassis.importing.handover import Handover
from services.chassis.importing.report import Report
from services.chassis.importing.settings import ImportSettings
from services.chassis.importing.source import Source
from services.chassis.postgres.database import Database
from services.identity.accounts.transactions import AccountTransactions
from services.identity.importing.source_accounts import TABLE, SourceAccount, SourceAccounts
from services.identity.importing.storing import existing_accounts, known_codes, store
from services.identity.settings import IdentitySettings
from services.identity.tables import audit


def import_fastmp(settings: IdentitySettings, now: Callable[[], datetime.datetime]) -> None:
    """Runs the command; see services.chassis.importing.command.run()."""
    audit_log = AuditLog(audit, settings.audit_key.get_secret_value().encode(), now)

    def importing(database: Database, source: Source, wanted: ImportSettings) -> Iterator[Report]:
        report = Report(TABLE)
        found = SourceAccounts(source, report)
        # Activation's import reports those that are left out.
        accounts = found.with_codes(source_codes(source, Report(CODES)))
        # This process has no cache to invalidate; the replicas follow the feed.
        transactions = AccountTransactions(database, now, audit_log, lambda _account_id, _sequence: None)
        store(transactions, accounts, report)
        _handover(database, source, found, accounts).write(wanted.import_handover_file)
        yield report

    command.run(settings.identity_direct_database_url or settings.identity_database_url, importing)


def _handover(
    database: Database, source: Source, found: SourceAccounts, accounts: list[SourceAccount]
) -> Handover:
    there = existing_accounts(database, [account.id for account in accounts])
    emails = {
        email
        for table, column in ((CODES, "user_email"), ("cookies", "owner_email"))
        for row in source.rows(table, ("id", column))
        if (email := (row[column] or "").strip())
    }
    owners = {email: owner.id for email in emails if (owner := found.owner(email)) and owner.id in there}
    redeemed = [
        (code.activation_code, account.id)
        for account in accounts
        if account.id in there
        for code in account.redeemed
    ]
    return Handover(owners, known_codes(database, redeemed))
