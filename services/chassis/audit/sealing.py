"""Seals entries into the chain, in a thread of its own.

Writers only insert. Chaining in their transactions would make every audited call of the service take turns on the
chain's head for as long as its commit takes; sealed within a second after it, an entry is as hard to remove.
"""

import threading

import structlog
from sqlalchemy import bindparam, select, update

from services.chassis.audit.chain import digest
from services.chassis.audit.tables import AuditTables
from services.chassis.database import Database
from services.chassis.errors import DomainError

_log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 0.5
# An entry of a transaction that is still open at the first look is seen at one of the next.
LOOKS = 4
# While nothing is written here: for what another replica wrote just before it died.
IDLE_SECONDS = 5.0
BATCH = 1000
# How often the head is written to the service's log, where whoever rewrites the database cannot reach it.
ANCHOR_EVERY = 1000


class Sealer:
    """The thread that seals. Several replicas may run one each: the head's row decides."""

    def __init__(self, database: Database, tables: AuditTables, key: bytes) -> None:
        self._database = database
        self._tables = tables
        self._key = key
        self._stopping = threading.Event()
        self._written = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit-sealer", daemon=True)
        columns = tables.log.c
        self._unsealed = (
            select(tables.log).where(columns.position.is_(None)).order_by(columns.id).limit(BATCH)
        )
        self._seal = (
            update(tables.log)
            .where(columns.id == bindparam("entry"))
            .values(position=bindparam("at"), digest=bindparam("sealed"))
        )

    def start(self) -> None:
        """Starts the thread. It goes on through outages of the database, and after any other fault."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; what is not sealed yet, the next start seals."""
        self._stopping.set()
        self._written.set()
        self._thread.join(timeout=10)

    def nudge(self) -> None:
        """An entry is being written: there will be something to seal."""
        self._written.set()

    def seal(self) -> int:
        """Seals at most BATCH entries in the order of their ids; returns how many. Raises DomainError."""
        with self._database.reading() as connection:
            # Without this look every replica would lock the head twice a second for nothing.
            if (
                connection.execute(self._unsealed.with_only_columns(self._tables.log.c.id).limit(1)).first()
                is None
            ):
                return 0
        with self._database.transaction() as connection:
            head = connection.execute(select(self._tables.head).with_for_update()).one()
            position, last = int(head.position), bytes(head.digest)
            sealed = []
            for entry in connection.execute(self._unsealed):
                position += 1
                last = digest(self._key, last, position, entry._asdict())
                sealed.append({"entry": entry.id, "at": position, "sealed": last})
            if sealed:
                connection.execute(self._seal, sealed)
                connection.execute(update(self._tables.head).values(position=position, digest=last))
        if sealed and (position // ANCHOR_EVERY) != (int(head.position) // ANCHOR_EVERY):
            _log.info("audit_anchor", position=position, digest=last.hex())
        return len(sealed)

    def _run(self) -> None:
        looks = 0
        while not self._stopping.wait(INTERVAL_SECONDS):
            looks = LOOKS if self._written.is_set() else looks - 1
            self._written.clear()
            try:
                while self.seal() == BATCH:
                    continue
            except DomainError as error:
                _log.warning("audit_sealing_interrupted", reason=error.reason)
            except Exception:  # noqa: BLE001 - Whatever it was (a schema that is not there yet), it must go on.
                _log.exception("audit_sealing_faulted")
            if looks <= 1:
                self._written.wait(IDLE_SECONDS)
