"""Checks whether any entry of the audit log was changed, removed or inserted."""

import datetime
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from services.chassis.audit.chain import has_right_mac, sealed_digest
from services.chassis.audit.pruning import anchor_is_right
from services.chassis.audit.tables import AuditTables
from services.chassis.audit.unsealed import is_copy, is_genuine

MOST_ENTRIES = 100_000
FETCH = 1000


@dataclass(frozen=True)
class Anchor:
    """A position and its digest, as recorded outside the database."""

    position: int
    digest: bytes


@dataclass(frozen=True)
class Verdict:
    """The result of a verification. `broken_reason` is a reason in the proto, or None if the log is intact."""

    checked: int
    position: int
    digest: bytes
    complete: bool
    broken_position: int | None = None
    broken_reason: str | None = None

    @property
    def intact(self) -> bool:
        """Whether no fault was found."""
        return self.broken_reason is None


@dataclass(frozen=True)
class Verification:
    """Verifies the audit log in `tables`, whose entries are kept from the time `kept_from` on."""

    tables: AuditTables
    key: bytes = field(repr=False)
    kept_from: datetime.datetime

    def verify(self, connection: Connection, after: int = 0, anchor: Anchor | None = None) -> Verdict:
        """Checks up to MOST_ENTRIES sealed entries after the position `after`, on a snapshot.

        Begins after the pruned entries. The digest stored at `after` is assumed to be right: a caller that
        continues from an earlier verdict has had it checked.
        """
        log = self.tables.log
        head = connection.execute(select(self.tables.head)).mappings().one()
        pruned: int = head["pruned_position"]
        if not anchor_is_right(self.key, head):
            return Verdict(0, after, b"", False, pruned, "PRUNED_MISMATCH")
        after = max(after, pruned)
        last = head["pruned_digest"] if after == pruned else self._digest_at(connection, after)
        if last is None:
            return Verdict(0, after, b"", False, after, "MISSING")
        if anchor is not None and anchor.position == after and not hmac.compare_digest(anchor.digest, last):
            return Verdict(0, after, b"", False, after, "ANCHOR_MISMATCH")
        position = after
        statement = select(log).where(log.c.position > after).order_by(log.c.position).limit(MOST_ENTRIES)
        with connection.execution_options(yield_per=FETCH).execute(statement) as entries:
            for entry in entries.mappings():
                following = sealed_digest(self.key, last, position + 1, entry)
                reason = self._fault(entry, position + 1, following, anchor)
                if reason is not None or following is None:
                    return Verdict(position - after, position, last, False, position + 1, reason)
                position, last = position + 1, following
        if position - after == MOST_ENTRIES:
            return Verdict(MOST_ENTRIES, position, last, False)
        reason = self._fault_at_end(connection, head, position, last, anchor)
        broken = None if reason is None else position + 1
        return Verdict(position - after, position, last, reason is None, broken, reason)

    def _digest_at(self, connection: Connection, position: int) -> bytes | None:
        log = self.tables.log
        stored: bytes | None = connection.scalar(select(log.c.digest).where(log.c.position == position))
        return stored

    def _fault(
        self, entry: Mapping[Any, Any], position: int, found: bytes | None, anchor: Anchor | None
    ) -> str | None:
        if entry["position"] != position:
            return "MISSING"
        if found is None:
            return "CHANGED"
        if entry["mac"] is not None and not has_right_mac(self.key, entry):
            return "FORGED"
        if anchor is None or anchor.position != position or hmac.compare_digest(anchor.digest, found):
            return None
        return "ANCHOR_MISMATCH"

    def _fault_at_end(
        self, connection: Connection, head: RowMapping, position: int, last: bytes, anchor: Anchor | None
    ) -> str | None:
        if head["position"] != position or not hmac.compare_digest(head["digest"], last):
            return "HEAD_MISMATCH"
        if anchor is not None and anchor.position > position:
            return "MISSING"
        return "FORGED" if self._has_forged(connection, head["pruned_position"]) else None

    def _has_forged(self, connection: Connection, pruned: int) -> bool:
        """Whether there are forged entries outside the chain."""
        log = self.tables.log
        if connection.execute(select(log.c.id).where(log.c.position <= pruned).limit(1)).first() is not None:
            return True
        statement = select(log, is_copy(self.tables)).where(log.c.position.is_(None)).order_by(log.c.id)
        with connection.execution_options(yield_per=FETCH).execute(statement) as entries:
            return any(not is_genuine(self.key, entry, self.kept_from) for entry in entries.mappings())
