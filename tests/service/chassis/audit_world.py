"""An audit log with all its parts, for tests."""

import datetime
from collections.abc import Sequence

from sqlalchemy import Engine, MetaData, text

from services.chassis.audit import schema_v1, schema_v2
from services.chassis.audit.pruning import Pruner
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.audit.sealing import Sealer
from services.chassis.audit.tables import audit_tables
from services.chassis.audit.verifying import Anchor, Verdict, Verification
from services.chassis.postgres.database import Database

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC)
KEY = b"k" * 32
KEEP = datetime.timedelta(days=400)
DAY = datetime.timedelta(days=1)
CREATE = (*schema_v1.CREATE, *schema_v2.ADD)
DROP = schema_v1.DROP
# The columns of an entry without those that it gets from the database and by sealing.
ALL = "time, action, outcome, actor, actor_email, target, client_address, request_id, details"


class World:
    """An audit log with all its parts, and a clock that is set by hand."""

    def __init__(self, url: str, key: bytes = KEY) -> None:
        self.now = NOW
        self.database = Database(url, pool_size=4)
        self.tables = audit_tables(MetaData())
        self.sealer = self.new_sealer(key)
        self.log = AuditLog(self.tables, KEY, lambda: self.now, self.sealer.nudge)

    def new_sealer(self, key: bytes = KEY) -> Sealer:
        return Sealer(self.database, self.tables, key, KEEP, lambda: self.now)

    def record(self, *actions: str) -> None:
        for action in actions:
            event = Event(action, target="t", details={"z": "1", "a": "值"}, actor="b")
            with self.database.transaction() as connection:
                self.log.record(connection, event)

    def seal(self, *actions: str) -> None:
        self.record(*actions)
        self.sealer.seal()

    def prune(self) -> int:
        return Pruner(self.database, self.tables, KEY, KEEP, lambda: self.now).prune()

    def tamper(self, statement: str) -> None:
        """Changes the table as its owner can: with the trigger out of the way."""
        with self.database.transaction() as connection:
            connection.execute(text("ALTER TABLE audit_log DISABLE TRIGGER USER"))
            connection.execute(text(statement))
            connection.execute(text("ALTER TABLE audit_log ENABLE TRIGGER USER"))

    def verdict(self, after: int = 0, anchor: Anchor | None = None, key: bytes = KEY) -> Verdict:
        verification = Verification(self.tables, key, self.now - KEEP)
        with self.database.snapshot() as connection:
            return verification.verify(connection, after, anchor)


def run(engine: Engine, statements: Sequence[str]) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
