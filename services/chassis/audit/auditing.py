"""Creates the parts of a service's audit log, which write, seal, read and prune it."""

import datetime
from collections.abc import Callable

from services.chassis.audit.actors import Emails
from services.chassis.audit.api import AuditReader, Named
from services.chassis.audit.pruning import Pruner
from services.chassis.audit.recording import AuditLog
from services.chassis.audit.sealing import Sealer
from services.chassis.audit.tables import AuditTables
from services.chassis.housekeeping import Housekeeping
from services.chassis.postgres.database import Database
from services.chassis.settings import ServiceSettings


class Auditing:
    """The parts of the audit log, with the same tables and key. start() and stop() apply to sealing and pruning."""

    def __init__(
        self,
        database: Database,
        tables: AuditTables,
        settings: ServiceSettings,
        now: Callable[[], datetime.datetime],
        emails: Emails,
        named: Named = lambda _connection, _name: (),
    ) -> None:
        """`emails` looks up the e-mails of the actors when the log is read, `named` targets by their names."""
        key = settings.audit_key.get_secret_value().encode()
        keep = datetime.timedelta(days=settings.audit_days)
        self._sealer = Sealer(database, tables, key, keep, now)
        self._pruning = Housekeeping({"audit_log": Pruner(database, tables, key, keep, now).prune})
        self.log = AuditLog(tables, key, now, self._sealer.nudge)
        self.reader = AuditReader(database, tables, key, keep, now, emails, lambda: self._sealer.lost, named)

    def start(self) -> None:
        """Starts sealing and pruning."""
        self._sealer.start()
        self._pruning.start()

    def stop(self) -> None:
        """Stops sealing and pruning; unsealed entries are sealed after the next start."""
        self._pruning.stop()
        self._sealer.stop()
