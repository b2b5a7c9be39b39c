"""Reads the deletions that an audit log has, which it keeps for AUDIT_DAYS."""

import uuid
from collections.abc import Iterator

from sqlalchemy import Connection, select

from services.chassis.audit.tables import AuditTables

# How many rows one statement reads.
BATCH = 1000


def every_deleted(connection: Connection, audit: AuditTables, action: str) -> Iterator[list[uuid.UUID]]:
    """Yields the targets of all entries with the action, in lists of at most BATCH."""
    log = audit.log.c
    page = select(log.id, log.target).where(log.action == action).order_by(log.id).limit(BATCH)
    after = 0
    while rows := connection.execute(page.where(log.id > after)).all():
        yield [uuid.UUID(row.target) for row in rows]
        after = rows[-1].id
