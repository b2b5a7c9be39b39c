"""SELECTs by the driver: the same rows as by SQLAlchemy, and connections that are lost are not kept."""

import datetime
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    MetaData,
    Table,
    Uuid,
    bindparam,
    event,
    insert,
    select,
    text,
)

from services.activation.codes.iso_time import IsoTime
from services.chassis.errors import DatabaseUnavailableError
from services.chassis.postgres.database import Database, DirectConnection, driver_connection
from services.chassis.postgres.direct_statements import DirectStatement
from tests.support.postgres import FreshDatabase

THINGS = Table(
    "things", MetaData(), Column("id", Uuid), Column("made", DateTime(timezone=True)), Column("due", IsoTime)
)
BY_ID = DirectStatement(select(*THINGS.c).where(THINGS.c.id == bindparam("id")).limit(5))
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

    def note(_connection: object, _cursor: object, *sent: object) -> None:
        seen.append((sent[0], sent[1]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with database.reading() as connection:
            BY_ID.rows(connection, wanted)
        with database.direct() as direct:
            BY_ID.rows(direct, wanted)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    [first, second] = seen
    assert first == second
    assert "FROM things" in str(first[0])
    assert first[1] == {**wanted, "param_1": 5}


def test_a_direct_connection_goes_back_as_it_was(database: Database) -> None:
    wanted = {"id": uuid.uuid4()}
    with database.direct() as direct:
        used = direct.driver
        assert BY_ID.rows(direct, wanted) == []
        assert used.info.transaction_status == TransactionStatus.IDLE
    with pytest.raises(ZeroDivisionError), database.direct() as direct:
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        assert driver_connection(connection) is used
        connection.execute(insert(THINGS), {**wanted, "made": NOW, "due": NOW})
        raise ZeroDivisionError
    with database.direct() as direct:
        assert BY_ID.rows(direct, wanted) == []


def test_a_direct_connection_whose_transaction_was_left_open_is_not_used_again(database: Database) -> None:
    with database.direct() as direct:
        lost = direct.driver
        lost.execute("BEGIN")
    with database.direct() as direct:
        assert direct.driver is not lost
    assert lost.closed


Opening = Callable[[Database], AbstractContextManager[Connection | DirectConnection]]


@pytest.mark.direct
@pytest.mark.parametrize("opening", [Database.reading, Database.direct])
def test_after_a_lost_connection_the_next_read_has_a_new_one(
    database: Database, url: str, opening: Opening
) -> None:
    with opening(database) as first, opening(database) as second:
        for connection in (first, second):
            assert BY_ID.rows(connection, {"id": uuid.uuid4()}) == []
        lost = [process_of(connection) for connection in (first, second)]
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    executioner = Database(url)
    with executioner.reading() as connection:
        connection.execute(others)
    executioner.dispose()
    with pytest.raises(DatabaseUnavailableError), opening(database) as connection:
        BY_ID.rows(connection, {"id": uuid.uuid4()})
    # The other lost one is not in the pool any more, either.
    with opening(database) as connection:
        assert BY_ID.rows(connection, {"id": uuid.uuid4()}) == []
        assert process_of(connection) not in lost


def process_of(connection: Connection | DirectConnection) -> int:
    driver = connection.driver if isinstance(connection, DirectConnection) else driver_connection(connection)
    return driver.info.backend_pid
