"""The database that is imported, PostgreSQL or SQLite. It is only read."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import URL, Column, Connection, Text, cast, create_engine, event, exc, inspect, select, text
from sqlalchemy.pool import NullPool

# A row as text by column; a column that the table lacks is None.
Row = Mapping[str, str | None]
PAGE = 1000
CONNECT_SECONDS = 10


class SourceError(Exception):
    """The source cannot be read. The message says why, without the URL's password."""


def source_url(url: str) -> URL:
    """Returns the URL with the driver that reads it; other drivers' names, such as +asyncpg, do not matter.

    Raises SourceError if it is neither PostgreSQL's nor that of an SQLite file.
    """
    try:
        parsed = sqlalchemy.make_url(url)
    except exc.ArgumentError:
        raise SourceError("must be postgresql://user:password@host/database or sqlite:///file") from None
    match parsed.drivername.partition("+")[0]:
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case "sqlite" if parsed.database not in {None, "", ":memory:"}:
            return parsed.set(drivername="sqlite")
        case _:
            raise SourceError("must be postgresql://user:password@host/database or sqlite:///file")


class Source:
    """One snapshot of the database, in a read-only transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    @contextlib.contextmanager
    def open(cls, url: str) -> Iterator["Source"]:
        """Yields the source. Raises SourceError, also in the block, if it cannot be reached or read."""
        engine = _engine(source_url(url))
        with contextlib.closing(_connected(engine)) as connection:
            yield cls(connection)

    def rows(self, table: str, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
        """Yields the table's rows by id. Raises SourceError if a required column is missing."""
        with _explained():
            yield from self._rows(table, required, optional)

    def _rows(self, table: str, required: Sequence[str], optional: Sequence[str]) -> Iterator[Row]:
        there = {column["name"] for column in inspect(self._connection).get_columns(table)}
        if missing := [name for name in required if name not in there]:
            raise SourceError(f"the table {table} has no column {', '.join(missing)}")
        names = [name for name in (*required, *optional) if name in there]
        # As text, whatever the types of the columns are: PostgreSQL's own may hold what Python's cannot.
        read = sqlalchemy.table(table, *(Column(name) for name in names))
        columns = [cast(read.c[name], Text).label(name) for name in names]
        statement = select(*columns).order_by(read.c.id).execution_options(yield_per=PAGE)
        nothing: dict[str, str | None] = dict.fromkeys(optional)
        for row in self._connection.execute(statement).mappings():
            yield {**nothing, **row}


def _engine(url: URL) -> sqlalchemy.Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
            connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "fastmp-import"},
        )
    path = quote(str(Path(url.database or "").resolve()))
    engine = create_engine(
        f"sqlite:///file:{path}?mode=ro&uri=true", poolclass=NullPool, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connected(engine: sqlalchemy.Engine) -> Connection:
    with _explained():
        connection = engine.connect()
        if engine.dialect.name == "postgresql":
            # Times are parsed from their text.
            connection.execute(text("SET LOCAL datestyle = 'ISO, YMD'"))
        return connection


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except exc.NoSuchTableError as error:
        raise SourceError(f"there is no table {error}") from None
    except exc.DBAPIError as error:
        raise SourceError(str(error.orig).strip().replace("\n", " ")) from None


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # A damaged text does not end the import; its row is left out if the text must be valid.
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    # Otherwise the driver reads without a transaction, and each table at another moment.
    connection.isolation_level = None


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
