"""The command import-fastmp: imports the activation codes of another FastMP, after Identity has its accounts."""

import datetime
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from services.activation.settings import ActivationSettings
from services.activation.tables import activation_codes, audit
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.importing import command
from services.chassis.importing.codes import CODE_TAKEN, TABLE, SourceCode, source_codes
from services.chassis.importing.deleted import DELETED_SINCE, deleted_since
from services.chassis.importing.handover import Handover
from services.chassis.importing.report import Report
from services.chassis.importing.settings import ImportSettings
from services.chassis.importing.source import Source
from services.chassis.importing.values import ACCOUNT_MISSING, LeftOutError
from services.chassis.postgres.database import Database

REDEEMED_AFTER_IMPORT = "REDEEMED_AFTER_IMPORT"

_INSERT = insert(activation_codes).on_conflict_do_nothing().returning(activation_codes.c.id)


def import_fastmp(settings: ActivationSettings, now: Callable[[], datetime.datetime]) -> None:
    """Runs the command; see services.chassis.importing.command.run()."""
    audit_log = AuditLog(audit, settings.audit_key.get_secret_value().encode(), now)

    def importing(database: Database, source: Source, wanted: ImportSettings) -> Iterator[Report]:
        report = Report(TABLE)
        handover = Handover.read(wanted.import_handover_file)
        rows = []
        for code in source_codes(source, report):
            with report.checking(code.id):
                rows.append(_row(code, handover))
        store(database, audit_log, rows, report)
        yield report

    command.run(settings.activation_direct_database_url or settings.activation_database_url, importing)


def store(database: Database, audit_log: AuditLog, rows: Sequence[dict[str, Any]], report: Report) -> None:
    """Creates the codes that do not exist, command.BATCH in a transaction.

    Nothing that exists is changed, so a repeat does nothing. Codes that were deleted after an earlier import are
    left out in the report, and those that exist under another id.
    """
    for some in command.batches(rows):
        with database.transaction() as connection:
            created = _store(connection, some, report)
            if created:
                details = {"count": str(created)}
                audit_log.record(connection, Event("codes_imported", details=details, actor=command.ACTOR))


def _store(connection: Connection, rows: Sequence[dict[str, Any]], report: Report) -> int:
    ids = [row["id"] for row in rows]
    wanted = select(activation_codes.c.id).where(activation_codes.c.id.in_(ids))
    there: set[uuid.UUID] = set(connection.execute(wanted).scalars())
    gone = deleted_since(connection, audit, "code_deleted", ids) - there
    new = [row for row in rows if row["id"] not in there | gone]
    created = set(connection.execute(_INSERT, new).scalars()) if new else set()
    for code_id in sorted(gone):
        report.leave_out(code_id, DELETED_SINCE)
    for row in new:
        if row["id"] not in created:
            report.leave_out(row["id"], CODE_TAKEN)
    report.unchanged += len(there)
    report.imported += len(created)
    return len(created)


def _row(code: SourceCode, handover: Handover) -> dict[str, Any]:
    row = {
        "id": code.id,
        "activation_code": code.activation_code,
        "valid_days": code.valid_days,
        "activation_status": code.activation_status,
        "create_time": code.create_time,
        "update_time": code.update_time,
        **dict.fromkeys(("account_id", "user_email", "activation_time", "expiry_date")),
    }
    if code.redemption is None:
        return row
    owner = handover.accounts.get(code.redemption.user_email)
    if owner is None:
        raise LeftOutError(ACCOUNT_MISSING)
    if code.activation_code not in handover.redeemed_codes:
        # Identity has the account from an earlier import, without what this code gave it since.
        raise LeftOutError(REDEEMED_AFTER_IMPORT)
    return {
        **row,
        "account_id": owner,
        "user_email": code.redemption.user_email,
        "activation_time": code.redemption.time,
        "expiry_date": code.redemption.expiry_date,
    }
