"""Seals entries into the chain, in a thread of its own.

Writers only insert. Chaining in their transactions would make every audited call of the service take turns on the
chain's head for as long as its commit takes; sealed within a second after it, an entry is as hard to remove.
"""

import threading
from typing import Any

import structlog
from sqlalchemy import (
    ARRAY,
    BigInteger,
    LargeBinary,
    Select,
    bindparam,
    func,
    select,
    true,
    update,
)

from services.chassis.audit.chain import FACTS, digest
from services.chassis.audit.tables import AuditTables
from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database
from services.chassis.postgres.direct_statements import DirectStatement

_log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 0.5
# An entry of a transaction that is still open at the first look is seen at one of the next.
LOOKS = 4
# While nothing is written here: for what another replica wrote just before it died.
IDLE_SECONDS = 5.0
BATCH = 1000
# How often the head is written to the service's log, where whoever rewrites the database cannot reach it.
ANCHOR_EVERY = 1000
# What of an entry its digest covers.
_TOLD = ("time", *FACTS)


class Sealer:
    """The thread that seals. Several replicas may run one each: the head's row decides."""

    def __init__(self, database: Database, tables: AuditTables, key: bytes) -> None:
        self._database = database
        self._unsealed = DirectStatement(_unsealed(tables))
        self._seal = DirectStatement(_sealing(tables))
        self._key = key
        self._written = threading.Event()
        self._looks = 0
        self._loop = BackgroundLoop(
            "audit-sealer",
            self._look,
            INTERVAL_SECONDS,
            wake_delay_seconds=INTERVAL_SECONDS,
            most_retry_seconds=IDLE_SECONDS,
        )

    def start(self) -> None:
        """Starts the thread."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread; what is not sealed yet, the next start seals."""
        self._loop.stop()

    def nudge(self) -> None:
        """Has the log looked at soon, because an entry is being written. Does not block."""
        self._written.set()
        self._loop.wake()

    def seal(self) -> int:
        """Seals at most BATCH entries in the order of their ids; returns how many. Raises DomainError."""
        with self._database.direct() as connection:
            while found := self._unsealed.rows(connection, {}):
                first, last = found[0][0], found[0][1]
                entries, digests = [], []
                for position, (_, _, entry, *facts) in enumerate(found, first + 1):
                    last = digest(self._key, last, position, dict(zip(_TOLD, facts, strict=True)))
                    entries.append(entry)
                    digests.append(last)
                values = {"entries": entries, "digests": digests, "first": first, "last": last}
                # Whoever finds the head moved on, by another replica, begins anew behind it.
                if self._seal.row(connection, {**values, "count": len(found)}) is not None:
                    _anchor(first, first + len(found), last)
                    return len(found)
        return 0

    def _look(self) -> float:
        """Seals all that there is, and returns the seconds until the next look."""
        self._looks = LOOKS if self._written.is_set() else self._looks - 1
        self._written.clear()
        while self.seal() == BATCH and not self._loop.is_stopping:
            continue
        return INTERVAL_SECONDS if self._looks > 1 else IDLE_SECONDS


def _unsealed(tables: AuditTables) -> Select[*tuple[Any, ...]]:
    """The next entries to seal, each with the head's position and digest of the same moment."""
    columns, head = tables.log.c, tables.head.c
    return (
        select(head.position, head.digest, columns.id, *(columns[name] for name in _TOLD))
        # Without a head there is something wrong, and not nothing to seal.
        .select_from(tables.log.outerjoin(tables.head, true()))
        .where(columns.position.is_(None))
        .order_by(columns.id)
        .limit(BATCH)
    )


def _sealing(tables: AuditTables) -> Select[int]:
    """Moves the head on from `first`, and seals the entries behind it, if nobody else has; then gives a row."""
    columns, head = tables.log.c, tables.head.c
    first = bindparam("first", type_=BigInteger)
    moved = (
        update(tables.head)
        .where(head.position == first)
        .values(position=first + bindparam("count", type_=BigInteger), digest=bindparam("last"))
        .returning(head.position)
        .cte("moved")
    )
    given = (
        func.unnest(
            bindparam("entries", type_=ARRAY(BigInteger)), bindparam("digests", type_=ARRAY(LargeBinary))
        )
        .table_valued("entry", "sealed", with_ordinality="place")
        .render_derived(name="given")
    )
    sealed = (
        update(tables.log)
        .where(columns.id == given.c.entry, select(moved).exists())
        .values(position=first + given.c.place, digest=given.c.sealed)
        .cte("sealed")
    )
    return select(moved.c.position).add_cte(sealed)


def _anchor(before: int, position: int, last: bytes) -> None:
    if (position // ANCHOR_EVERY) != (before // ANCHOR_EVERY):
        _log.info("audit_anchor", position=position, digest=last.hex())
