"""One service's audit log put together: what writes it, what seals it, what reads it."""

import datetime
from collections.abc import Callable

from pydantic import SecretStr

from services.chassis.audit.api import AuditReader
from services.chassis.audit.recording import AuditLog
from services.chassis.audit.sealing import Sealer
from services.chassis.audit.tables import AuditTables
from services.chassis.postgres.database import Database


class Auditing:
    """The parts that share tables and key. start() and stop() are the sealer's."""

    def __init__(
        self, database: Database, tables: AuditTables, key: SecretStr, now: Callable[[], datetime.datetime]
    ) -> None:
        seal = key.get_secret_value().encode()
        self._sealer = Sealer(database, tables, seal)
        self.log = AuditLog(tables, now, self._sealer.nudge)
        self.reader = AuditReader(database, tables, seal)

    def start(self) -> None:
        """Starts to seal."""
        self._sealer.start()

    def stop(self) -> None:
        """Stops sealing; what is left unsealed, the next start seals."""
        self._sealer.stop()
