"""The command import-fastmp: imports the cookies of another FastMP, after Identity has its accounts."""

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

from services.chassis.audit.recording import AuditLog
from services.chassis.importing import command
from services.chassis.importing.handover import Handover
from services.chassis.importing.report import Report
from services.chassis.importing.settings import ImportSettings
from services.chassis.importing.source import Source, SourceError
from services.chassis.postgres.database import Database
from services.wechat_cookie.audit_tables import audit
from services.wechat_cookie.importing.folders import SourceFolders
from services.wechat_cookie.importing.source_cookies import OPTIONAL, REQUIRED, TABLE, source_cookie
from services.wechat_cookie.importing.storing import store
from services.wechat_cookie.settings import WeChatCookieSettings


def import_fastmp(settings: WeChatCookieSettings, now: Callable[[], datetime.datetime]) -> None:
    """Runs the command; see services.chassis.importing.command.run()."""
    audit_log = AuditLog(audit, settings.audit_key.get_secret_value().encode(), now)

    def importing(database: Database, source: Source, wanted: ImportSettings) -> Iterator[Report]:
        report = Report(TABLE)
        handover = Handover.read(wanted.import_handover_file)
        folders = SourceFolders(_root(wanted.files, settings.export_root))
        domain = settings.mp.origin.cookie_host
        found = []
        for row in source.rows(TABLE, REQUIRED, OPTIONAL):
            with report.checking(row["id"]):
                found.append(source_cookie(row, handover, folders, domain, now()))
        store(database, settings.vault, audit_log, found, report, now())
        yield report

    command.run(settings.wechat_cookie_direct_database_url or settings.wechat_cookie_database_url, importing)


def _root(files: Path, export_root: Path) -> Path:
    root = files.absolute()
    if (root / "static" / "cookies").resolve() == export_root.resolve():
        # The folder keeper removes folders there that are not in its database.
        raise SourceError("IMPORT_FILES and FASTMP_STATE_DIR are one folder; move one of them first")
    return root
