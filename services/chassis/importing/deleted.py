"""Finds what was deleted after it was imported, so that another import does not bring it back."""

import uuid
from collections.abc import Collection

from sqlalchemy import Connection, select

from services.chassis.audit.tables import AuditTables

DELETED_SINCE = "DELETED_SINCE"


def deleted_since(
    connection: Connection, audit: AuditTables, action: str, ids: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    """Returns those of `ids` whose deletion the audit log has as `action`; it keeps that for AUDIT_DAYS."""
    deletions = select(audit.log.c.target).where(
        audit.log.c.target.in_([str(one) for one in ids]), audit.log.c.action == action
    )
    return {uuid.UUID(target) for target in connection.execute(deletions).scalars()}
