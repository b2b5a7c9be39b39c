"""Looks whether anything in the audit log was changed, taken out or put in."""

import hmac
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from services.chassis.audit.chain import digest
from services.chassis.audit.tables import AuditTables

MOST_AT_ONCE = 100_000
FETCH = 1000


@dataclass(frozen=True)
class Anchor:
    """A position and its digest, as noted outside the database."""

    position: int
    digest: bytes


@dataclass(frozen=True)
class Verdict:
    """What was found. `broken_reason` is CHANGED, MISSING, HEAD_MISMATCH, ANCHOR_MISMATCH, or None while intact."""

    checked: int
    position: int
    digest: bytes
    complete: bool
    broken_position: int | None = None
    broken_reason: str | None = None

    @property
    def intact(self) -> bool:
        """Whether nothing wrong was found."""
        return self.broken_reason is None


def verify(
    connection: Connection, tables: AuditTables, key: bytes, after: int = 0, anchor: Anchor | None = None
) -> Verdict:
    """Checks up to MOST_AT_ONCE sealed entries after the position `after`, on a snapshot.

    The digest stored at `after` is where the check begins: a caller that goes on from an earlier verdict has had it
    checked then.
    """
    log = tables.log
    head = connection.execute(select(tables.head)).one()
    last = _digest_at(connection, tables, after)
    if last is None:
        return Verdict(0, after, b"", False, after, "MISSING")
    position = after
    statement = select(log).where(log.c.position > after).order_by(log.c.position).limit(MOST_AT_ONCE)
    with connection.execution_options(yield_per=FETCH).execute(statement) as entries:
        for entry in entries:
            expected = digest(key, last, position + 1, entry._asdict())
            reason = _fault(entry, position + 1, expected, anchor)
            if reason is not None:
                return Verdict(position - after, position, last, False, position + 1, reason)
            position, last = position + 1, expected
    if position - after == MOST_AT_ONCE:
        return Verdict(MOST_AT_ONCE, position, last, False)
    reason = None
    if head.position != position or not hmac.compare_digest(bytes(head.digest), last):
        reason = "HEAD_MISMATCH"
    elif anchor is not None and anchor.position > position:
        reason = "MISSING"
    broken = None if reason is None else position + 1
    return Verdict(position - after, position, last, reason is None, broken, reason)


def _digest_at(connection: Connection, tables: AuditTables, position: int) -> bytes | None:
    if position == 0:
        return b""
    column = tables.log.c.digest
    stored = connection.execute(select(column).where(tables.log.c.position == position)).scalar()
    return None if stored is None else bytes(stored)


def _fault(entry: Row[Any], position: int, expected: bytes, anchor: Anchor | None) -> str | None:
    if entry.position != position:
        return "MISSING"
    if not hmac.compare_digest(expected, bytes(entry.digest)):
        return "CHANGED"
    if (
        anchor is not None
        and anchor.position == position
        and not hmac.compare_digest(anchor.digest, expected)
    ):
        return "ANCHOR_MISMATCH"
    return None
