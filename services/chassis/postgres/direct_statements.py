"""Frequent statements, run by the driver without SQLAlchemy's overhead.

SQLAlchemy prepares each execution and wraps each row, which for one small row costs more CPU than the driver, the
connection and PostgreSQL together (docs/performance.md). A direct statement is written in SQLAlchemy and compiled
once. It runs in the transaction of a Connection or, faster, on a connection of Database.direct().
"""

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.dialects.postgresql.psycopg import dialect

from services.chassis.postgres.database import DirectConnection

_Conversion = Callable[[Any], Any]


class DirectStatement:
    """A compiled SELECT with bindparam()s. Its rows are tuples of values converted by the columns' types.

    A statement that changes data is a SELECT from data-modifying CTEs, so that it is one statement and one
    transaction.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        """Bound values are converted by the driver, not by the columns' types, so it must support their types."""
        postgresql: Dialect = dialect()  # type: ignore[no-untyped-call]
        compiled = statement.compile(dialect=postgresql)
        self._text = str(compiled)
        self._sql = self._text.encode()
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        conversions: list[_Conversion | None] = [
            column.type.dialect_impl(postgresql).result_processor(postgresql, None)
            for column in statement.selected_columns
        ]
        self._conversions = conversions if any(conversions) else []

    def rows(
        self, connection: Connection | DirectConnection, values: Mapping[str, object]
    ) -> list[tuple[Any, ...]]:
        """Returns the rows for `values` of the bindparam()s. Raises psycopg.Error, which Database translates."""
        direct = (
            connection if isinstance(connection, DirectConnection) else DirectConnection.beneath(connection)
        )
        bound = {**self._constants, **values}
        # Passes the statement to the observers of the engine.
        for observe in direct.observers:
            observe(connection, None, self._text, bound, None, False)
        try:
            found = direct.driver.execute(self._sql, bound).fetchall()
        except psycopg.Error as error:
            if direct.driver.broken or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                direct.lost()
            raise
        return [self._converted(row) for row in found] if self._conversions else found

    def row(
        self, connection: Connection | DirectConnection, values: Mapping[str, object]
    ) -> tuple[Any, ...] | None:
        """Returns the first row, or None without one. Raises as rows() does."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def _converted(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            value if convert is None else convert(value)
            for value, convert in zip(row, self._conversions, strict=True)
        )
