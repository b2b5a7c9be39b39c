"""Statements that every other call makes, run by the driver itself.

SQLAlchemy prepares each execution anew and wraps each row: for one small row that costs more CPU than the driver,
the connection and PostgreSQL's answer together (docs/performance.md). The statement is still written in SQLAlchemy,
and compiled once. It runs in the transaction of a Connection or, cheaper, on a connection of Database.direct().
"""

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.dialects.postgresql.psycopg import dialect

from services.chassis.postgres.database import DirectConnection

_Conversion = Callable[[Any], Any]


class DirectStatement:
    """A SELECT with bindparam()s, compiled when it is made. Rows are tuples of what the columns' types give.

    One that changes something is a SELECT from the CTEs that do, so that it is one statement and one transaction.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        """The values bound later must be of types that the driver knows: it converts them, not the columns."""
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
        """All rows for these values of the bindparam()s. Raises psycopg.Error, which Database translates."""
        direct = (
            connection if isinstance(connection, DirectConnection) else DirectConnection.beneath(connection)
        )
        bound = {**self._constants, **values}
        # Whoever observes the engine's statements sees this one, too.
        for observe in direct.observers:
            observe(connection, None, self._text, bound, None, False)
        try:
            found = direct.driver.execute(self._sql, bound).fetchall()
        except psycopg.Error:
            if direct.driver.broken:
                direct.lost()
            raise
        return [self._converted(row) for row in found] if self._conversions else found

    def row(
        self, connection: Connection | DirectConnection, values: Mapping[str, object]
    ) -> tuple[Any, ...] | None:
        """The only row, None when there is none. Raises as rows() does."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def _converted(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            value if convert is None else convert(value)
            for value, convert in zip(row, self._conversions, strict=True)
        )
