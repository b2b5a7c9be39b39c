"""Reads the audit log page by page, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, select

from services.chassis.audit.tables import AuditTables


@dataclass(frozen=True)
class Filters:
    """The filters of a list; None does not restrict."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None


def page(
    connection: Connection, tables: AuditTables, filters: Filters, size: int, before: int | None
) -> Sequence[RowMapping]:
    """Returns at most `size` + 1 entries with an id below `before`. An extra one means there is a next page."""
    columns = tables.log.c
    statement = select(tables.log).order_by(columns.id.desc()).limit(size + 1)
    for column, wanted in (
        (columns.actor, filters.actor),
        (columns.action, filters.action),
        (columns.target, filters.target),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if before is not None:
        statement = statement.where(columns.id < before)
    return connection.execute(statement).mappings().all()
