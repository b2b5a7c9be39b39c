"""Reads the audit log page by page, newest first."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, RowMapping, select

from services.chassis.audit.tables import AuditTables


def page(
    connection: Connection,
    tables: AuditTables,
    filters: Mapping[str, Collection[str]],
    size: int,
    before: int | None,
) -> Sequence[RowMapping]:
    """Returns at most `size` + 1 entries with an id below `before`. An extra one means there is a next page.

    `filters` holds the values that a column may have, by the column's name.
    """
    columns = tables.log.c
    statement = select(tables.log).order_by(columns.id.desc()).limit(size + 1)
    for name, wanted in filters.items():
        statement = statement.where(columns[name].in_(wanted))
    if before is not None:
        statement = statement.where(columns.id < before)
    return connection.execute(statement).mappings().all()
