"""Reads the audit log page by page, newest first."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, RowMapping, select

from services.chassis.audit.tables import AuditTables


def page(
    connection: Connection,
    tables: AuditTables,
    filters: Mapping[str, str | None],
    size: int,
    before: int | None,
) -> Sequence[RowMapping]:
    """Returns at most `size` + 1 entries with an id below `before`. An extra one means there is a next page."""
    columns = tables.log.c
    statement = select(tables.log).order_by(columns.id.desc()).limit(size + 1)
    for name, wanted in filters.items():
        if wanted is not None:
            statement = statement.where(columns[name] == wanted)
    if before is not None:
        statement = statement.where(columns.id < before)
    return connection.execute(statement).mappings().all()
