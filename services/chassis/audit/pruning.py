"""Removes old entries, and leaves an anchor at which the rest of the chain begins."""

import datetime
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection, delete, select, update

from services.chassis.audit.chain import anchor_mac, sealed_digest
from services.chassis.audit.tables import AuditTables
from services.chassis.postgres.database import Database

_log = structlog.get_logger(__name__)

BATCH = 1000
# The limit of one run, so that stopping does not wait long for it.
MOST_BATCHES = 50


@dataclass(frozen=True)
class Pruner:
    """Prunes one audit log, whose entries are kept for `keep`. Several replicas may prune it concurrently."""

    database: Database
    tables: AuditTables
    key: bytes = field(repr=False)
    keep: datetime.timedelta
    now: Callable[[], datetime.datetime]

    def prune(self) -> int:
        """Deletes sealed entries that are too old, beginning with the oldest, and returns their number.

        Stops before an entry that was changed after sealing, so that the evidence is kept. Raises DomainError if
        the database is unavailable.
        """
        removed = 0
        for _ in range(MOST_BATCHES):
            batch = self._prune_batch()
            removed += batch
            if batch < BATCH:
                break
        return removed

    def _prune_batch(self) -> int:
        before = self.now() - self.keep
        with self.database.transaction() as connection:
            head = connection.execute(select(self.tables.head).with_for_update()).mappings().one()
            if not anchor_is_right(self.key, head):
                _log.error("audit_anchor_was_changed", position=head["pruned_position"])
                return 0
            first: int = head["pruned_position"]
            position, last = self._end_of(
                self._oldest(connection, first), first, head["pruned_digest"], before
            )
            if position > first:
                self._remove(connection, position, last)
        return position - first

    def _oldest(self, connection: Connection, after: int) -> Sequence[Mapping[Any, Any]]:
        position = self.tables.log.c.position
        statement = select(self.tables.log).where(position > after).order_by(position).limit(BATCH)
        return [dict(row) for row in connection.execute(statement).mappings()]

    def _end_of(
        self, entries: Sequence[Mapping[Any, Any]], position: int, last: bytes, before: datetime.datetime
    ) -> tuple[int, bytes]:
        """Returns the position and digest of the last entry that can be deleted."""
        for entry in entries:
            if entry["time"] >= before:
                break
            following = sealed_digest(self.key, last, position + 1, entry)
            if entry["position"] != position + 1 or following is None:
                _log.error("audit_pruning_stopped_at_a_changed_entry", position=position + 1)
                break
            position, last = position + 1, following
        return position, last

    def _remove(self, connection: Connection, position: int, last: bytes) -> None:
        anchor = {
            "pruned_position": position,
            "pruned_digest": last,
            "pruned_mac": anchor_mac(self.key, position, last),
        }
        # The anchor first: the table's trigger allows deletion only up to the anchor's position.
        connection.execute(update(self.tables.head).values(anchor))
        connection.execute(delete(self.tables.log).where(self.tables.log.c.position <= position))


def anchor_is_right(key: bytes, head: Mapping[Any, Any]) -> bool:
    """Returns whether a holder of the key wrote the anchor in the row `head`, or nothing was pruned yet."""
    position, last, mac = (head[name] for name in ("pruned_position", "pruned_digest", "pruned_mac"))
    if position == 0:
        return not last and not mac
    return hmac.compare_digest(anchor_mac(key, position, last), mac)
