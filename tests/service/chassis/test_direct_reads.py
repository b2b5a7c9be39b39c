"""SELECTs by the driver: the same rows as by SQLAlchemy, and connections that are lost are not kept."""

import datetime
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Column, DateTime, MetaData, Table, Uuid, bindparam, event, insert, select, text

from services.activation.iso_time import IsoTime
from services.chassis.database import Database, driver_connection
from services.chassis.direct_reads import DirectRead
from services.chassis.errors import DatabaseUnavailableError
from tests.postgres import FreshDatabase

THINGS = Table(
    "things", MetaData(), Column("id", Uuid), Column("made", DateTime(timezone=True)), Column("due", IsoTime)
)
BY_ID = DirectRead(select(*THINGS.c).where(THINGS.c.id == bindparam("id")).limit(5))
NOW = datetime.datetime(2026, 3, 1, 12, 30, tzinfo=datetime.UTC)


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("identity")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    with database.transaction() as connection:
        THINGS.create(connection)
    yield database
    database.dispose()


def test_a_direct_read_gives_what_sqlalchemy_would(database: Database) -> None:
    known = {"id": uuid.uuid4(), "made": NOW, "due": NOW}
    with database.transaction() as connection:
        empty = {"made": None, "due": None}
        connection.execute(
            insert(THINGS), [known, {**empty, "id": known["id"]}, {**empty, "id": uuid.uuid4()}]
        )
        by_sqlalchemy = connection.execute(select(*THINGS.c).where(THINGS.c.id == known["id"])).all()
        assert BY_ID.rows(connection, {"id": known["id"]}) == [tuple(row) for row in by_sqlalchemy]
    with database.reading() as connection:
        assert tuple(known.values()) in BY_ID.rows(connection, {"id": known["id"]})
        assert BY_ID.row(connection, {"id": uuid.uuid4()}) is None


def test_whoever_observes_statements_sees_direct_ones(database: Database) -> None:
    seen: list[tuple[object, object]] = []
    wanted = {"id": uuid.uuid4()}
    with database.reading() as connection:
        event.listen(
            connection, "before_cursor_execute", lambda _connection, _cursor, *sent: seen.append(sent[:2])
        )
        BY_ID.rows(connection, wanted)
    [(statement, parameters)] = seen
    assert "FROM things" in str(statement)
    assert parameters == {**wanted, "param_1": 5}


def test_after_a_lost_connection_the_next_read_has_a_new_one(database: Database, url: str) -> None:
    with database.reading() as first, database.reading() as second:
        for connection in (first, second):
            assert BY_ID.rows(connection, {"id": uuid.uuid4()}) == []
        lost = [driver_connection(connection).info.backend_pid for connection in (first, second)]
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    executioner = Database(url)
    with executioner.reading() as connection:
        connection.execute(others)
    executioner.dispose()
    with pytest.raises(DatabaseUnavailableError), database.reading() as connection:
        BY_ID.rows(connection, {"id": uuid.uuid4()})
    # The other lost one is not in the pool any more, either.
    with database.reading() as connection:
        assert BY_ID.rows(connection, {"id": uuid.uuid4()}) == []
        assert driver_connection(connection).info.backend_pid not in lost
