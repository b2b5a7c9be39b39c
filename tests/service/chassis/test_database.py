"""The database layer on real PostgreSQL: what its failures mean, and that it comes back by itself."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy
from prometheus_client import CollectorRegistry
from sqlalchemy import exc, func, select, text

from deploy.local.postgres import PostgresServer
from services.chassis.errors import ConflictError, DatabaseUnavailableError
from services.chassis.postgres.database import Database, constraint_of, driver_connection
from services.chassis.postgres.direct_statements import DirectStatement
from services.chassis.postgres.pool_metrics import PoolMetrics
from tests.support.waiting import wait_until


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    database = Database(postgres_server.url("postgres"), pool_size=2)
    with database.transaction() as connection:
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS chassis_rows (id int CONSTRAINT row_key PRIMARY KEY)")
        )
        connection.execute(text("TRUNCATE chassis_rows"))
    yield database
    with database.transaction() as connection:
        connection.execute(text("DROP TABLE chassis_rows"))
    database.dispose()


def insert(connection: sqlalchemy.Connection, row: int) -> None:
    connection.execute(text("INSERT INTO chassis_rows VALUES (:row)"), {"row": row})


def rows(database: Database) -> list[int]:
    with database.reading() as connection:
        return list(connection.execute(text("SELECT id FROM chassis_rows ORDER BY id")).scalars())


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        insert(connection, 1)
        raise ZeroDivisionError
    assert rows(database) == []


def test_a_violated_constraint_is_known_by_name(database: Database) -> None:
    with pytest.raises(exc.IntegrityError) as caught, database.transaction() as connection:
        insert(connection, 1)
        insert(connection, 1)
    assert constraint_of(caught.value) == "row_key"


def test_an_error_never_repeats_the_values_of_a_statement(database: Database) -> None:
    with pytest.raises(exc.DBAPIError) as caught, database.transaction() as connection:
        connection.execute(text("SELECT CAST(:secret AS text), 1 / 0"), {"secret": "canary"})
    assert "canary" not in str(caught.value)


def test_the_pools_metrics_say_how_many_connections_are_held(database: Database) -> None:
    registry = CollectorRegistry()
    PoolMetrics({"calls": database}, registry)

    def in_use() -> float | None:
        return registry.get_sample_value("database_pool_in_use", {"pool": "calls"})

    assert registry.get_sample_value("database_pool_size", {"pool": "calls"}) == 2
    assert in_use() == 0
    with database.transaction(), database.reading():
        assert in_use() == 2
    assert in_use() == 0
    # A lost server replaces the pool.
    database.dispose()
    with database.reading():
        assert in_use() == 1


def test_a_snapshot_sees_one_moment_and_cannot_write(database: Database) -> None:
    with database.snapshot() as connection:
        count = text("SELECT count(*) FROM chassis_rows")
        assert connection.execute(count).scalar_one() == 0
        with database.transaction() as other:
            insert(other, 1)
        assert connection.execute(count).scalar_one() == 0
    with pytest.raises(exc.DBAPIError, match="read-only"), database.snapshot() as connection:
        insert(connection, 2)


def test_connections_that_the_server_closed_are_replaced(database: Database) -> None:
    with database.reading() as connection:
        ours = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with database.reading() as connection:
        others = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'fastmp' AND pid <> pg_backend_pid()"
        )
        connection.execute(others)
    with pytest.raises(DatabaseUnavailableError), database.reading() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with database.reading() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != ours


def test_an_outage_that_the_driver_itself_reports_is_the_same(database: Database) -> None:
    with (
        pytest.raises(DatabaseUnavailableError),
        database.transaction() as connection,
        driver_connection(connection).cursor() as cursor,
    ):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert rows(database) == []


def test_a_deadlock_is_a_conflict_for_one_and_nothing_for_the_other(database: Database) -> None:
    with database.transaction() as connection:
        insert(connection, 1)
        insert(connection, 2)
    barrier, outcomes = threading.Barrier(2), []

    def lock(first: int, second: int) -> None:
        statement = text("SELECT id FROM chassis_rows WHERE id = :row FOR UPDATE")
        try:
            with database.transaction() as connection:
                connection.execute(statement, {"row": first})
                barrier.wait(10)
                connection.execute(statement, {"row": second})
            outcomes.append("done")
        except ConflictError:
            outcomes.append("conflict")

    threads = [threading.Thread(target=lock, args=order) for order in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["conflict", "done"]


def test_an_exhausted_pool_is_an_outage_and_not_a_wait_for_ever(database: Database) -> None:
    with database.reading(), database.reading(), pytest.raises(DatabaseUnavailableError), database.reading():
        pass
    assert rows(database) == []


def test_an_unreachable_server_is_an_outage_and_forgotten_when_it_is_back(
    postgres_server: PostgresServer, database: Database
) -> None:
    port = sqlalchemy.make_url(postgres_server.url("postgres"))
    nowhere = port.set(port=1, query={}) if port.host else port.set(query={"host": "/nonexistent"})
    with pytest.raises(DatabaseUnavailableError):
        rows(Database(nowhere.render_as_string(hide_password=False)))
    wait_until(lambda: rows(database) == [])


def test_a_connection_that_was_in_use_is_closed_after_dispose(database: Database) -> None:
    with database.reading() as connection:
        driver = driver_connection(connection)
        database.dispose()
        connection.execute(text("SELECT 1"))
    assert driver.closed
    assert rows(database) == []


@pytest.mark.direct
def test_a_connection_that_was_in_use_when_another_one_was_lost_is_closed(database: Database) -> None:
    backend = DirectStatement(select(func.pg_backend_pid()))
    with database.reading() as connection:
        driver = driver_connection(connection)
        with pytest.raises(DatabaseUnavailableError), database.direct() as direct:
            ((lost,),) = backend.rows(direct, {})
            connection.execute(select(func.pg_terminate_backend(lost)))
            backend.rows(direct, {})
        connection.execute(text("SELECT 1"))
    assert driver.closed
    assert rows(database) == []
