"""The background loop that seals entries, which assigns each a position and a digest in the chain.

Writers only insert. Sealing in their transactions would serialise all audited calls of the service on the chain's
head, each for the time of its commit. An entry that is sealed within a second is protected in the same way
afterwards.
"""

import datetime
import hmac
import threading
from collections.abc import Callable, Mapping, Sequence
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

from services.chassis.audit.chain import COVERED, digest
from services.chassis.audit.pruning import anchor_is_right
from services.chassis.audit.tables import AuditTables
from services.chassis.audit.unsealed import IS_COPY, is_copy, is_genuine
from services.chassis.audit.verifying import Anchor
from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database, DirectConnection
from services.chassis.postgres.direct_statements import DirectStatement

_log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 0.5
# The number of runs after an entry was written: its transaction may still be open at the first one.
RUNS = 4
# The interval while nothing is written here, for entries that another replica wrote just before it died.
IDLE_SECONDS = 5.0
BATCH = 1000
# The interval, in entries, at which the head is written to the service's log, which database intruders cannot
# change.
ANCHOR_EVERY = 1000
# The columns read of an unsealed entry.
_READ = (*COVERED, IS_COPY)
_HEAD = ("position", "digest", "pruned_position", "pruned_digest", "pruned_mac")


class Sealer:
    """Seals entries with a valid MAC. Others stay unsealed, and VerifyAuditLog reports them.

    Several replicas may run one each, because sealing is a conditional UPDATE of the head's row.
    """

    def __init__(
        self,
        database: Database,
        tables: AuditTables,
        key: bytes,
        keep: datetime.timedelta,
        now: Callable[[], datetime.datetime],
    ) -> None:
        """Entries are kept for `keep`; an older one is not sealed, as it may be a copy of one that was pruned."""
        self._database = database
        self._unsealed = DirectStatement(_unsealed(tables))
        self._seal = DirectStatement(_sealing(tables))
        self._key = key
        self._keep = keep
        self._now = now
        self._refused = 0
        # The newest seal that this replica has seen. Without it, entries that were made unsealed again, in order to
        # remove one before them, would be sealed as if they were new.
        self._known: Anchor | None = None
        self._lost: Anchor | None = None
        self._written = threading.Event()
        self._runs = 0
        self._loop = BackgroundLoop(
            "audit-sealer",
            self._run,
            INTERVAL_SECONDS,
            wake_delay_seconds=INTERVAL_SECONDS,
            most_retry_seconds=IDLE_SECONDS,
        )

    def start(self) -> None:
        """Starts the thread."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread; unsealed entries are sealed after the next start."""
        self._loop.stop()

    def nudge(self) -> None:
        """Schedules a run soon, because an entry is being written. Does not block."""
        self._written.set()
        self._loop.wake()

    @property
    def lost(self) -> Anchor | None:
        """A seal that was in the log and was found missing or changed, or None if there is none."""
        return self._lost

    def seal(self) -> int:
        """Seals all genuine entries in the order of their ids and returns their number. Raises DomainError."""
        sealed = after = refused = 0
        with self._database.direct() as connection:
            while found := self._unsealed.rows(connection, {"after": after, "known": self._known_position}):
                stored, head = found[0][0], dict(zip(_HEAD, found[0][1:], strict=False))
                self._compare(head, stored)
                first, last = head["position"], head["digest"]
                entries = [dict(zip(_READ, row[1 + len(_HEAD) :], strict=True)) for row in found]
                kept_from = self._now() - self._keep
                genuine = [entry for entry in entries if is_genuine(self._key, entry, kept_from)]
                if genuine and not self._chain(connection, first, last, genuine):
                    # Another replica has sealed entries meanwhile: read this page again.
                    continue
                sealed += len(genuine)
                refused += len(entries) - len(genuine)
                after = entries[-1]["id"]
                if len(found) < BATCH or self._loop.is_stopping:
                    break
        self._report(refused)
        return sealed

    def _chain(
        self, connection: DirectConnection, first: int, last: bytes, entries: Sequence[Mapping[Any, Any]]
    ) -> bool:
        """Seals the entries after the head at `first`. Returns False if that is no longer the head."""
        digests = []
        for position, entry in enumerate(entries, first + 1):
            last = digest(self._key, last, position, entry)
            digests.append(last)
        values = {"entries": [entry["id"] for entry in entries], "digests": digests, "last": last}
        if self._seal.row(connection, {**values, "first": first, "count": len(entries)}) is None:
            return False
        self._known = Anchor(first + len(entries), last)
        _anchor(first, first + len(entries), last)
        return True

    @property
    def _known_position(self) -> int:
        return 0 if self._known is None else self._known.position

    def _compare(self, head: Mapping[str, Any], stored: bytes | None) -> None:
        """Compares the digest `stored` at the position of the newest known seal, unless that was pruned."""
        known, self._known = self._known, Anchor(head["position"], head["digest"])
        if known is None:
            _log.info("audit_anchor", position=head["position"], digest=head["digest"].hex())
            return
        is_pruned = known.position <= head["pruned_position"] and anchor_is_right(self._key, head)
        if known.position > 0 and not is_pruned and not hmac.compare_digest(known.digest, stored or b""):
            _log.error("audit_log_was_cut_back", position=known.position, digest=known.digest.hex())
            self._lost = self._lost or known

    def _report(self, refused: int) -> None:
        if refused != self._refused:
            _log.error("audit_entries_without_a_right_mac", count=refused)
        self._refused = refused

    def _run(self) -> float:
        """Seals all entries and returns the seconds until the next run."""
        self._runs = RUNS if self._written.is_set() else self._runs - 1
        self._written.clear()
        self.seal()
        return INTERVAL_SECONDS if self._runs > 1 else IDLE_SECONDS


def _unsealed(tables: AuditTables) -> Select[*tuple[Any, ...]]:
    """Returns a query of the next unsealed entries, each with the head, and the digest at the position `known`."""
    columns, head, sealed = tables.log.c, tables.head.c, tables.log.alias("sealed").c
    stored = select(sealed.digest).where(sealed.position == bindparam("known", type_=BigInteger))
    return (
        select(
            stored.scalar_subquery().label("stored"),
            *(head[name] for name in _HEAD),
            *(columns[name] for name in COVERED),
            is_copy(tables),
        )
        # An outer join, so that a missing head is an error rather than an empty result.
        .select_from(tables.log.outerjoin(tables.head, true()))
        .where(columns.position.is_(None), columns.id > bindparam("after", type_=BigInteger))
        .order_by(columns.id)
        .limit(BATCH)
    )


def _sealing(tables: AuditTables) -> Select[int]:
    """Returns a statement that seals the entries after the head at `first`; no row if the head has moved."""
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
