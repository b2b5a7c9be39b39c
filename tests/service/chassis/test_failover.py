"""Servers that stop answering, become standbys, or are one of several hosts: on real PostgreSQL."""

import asyncio
import os
import signal
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Connection, exc, func, select, text

from deploy.local.postgres import PostgresServer
from services.chassis.errors import DatabaseUnavailableError
from services.chassis.jobs.bounded_connection import BoundedAsyncConnection
from services.chassis.postgres import connecting
from services.chassis.postgres.connecting import driver_url
from services.chassis.postgres.database import Database, driver_connection
from services.chassis.postgres.direct_statements import DirectStatement
from services.chassis.postgres.held_transaction import held_transaction

pytestmark = pytest.mark.direct
BACKEND = DirectStatement(select(func.pg_backend_pid()))
MAKE_STANDBY = text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
WRITE = text("CREATE TABLE never (id int)")


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    database = Database(postgres_server.url("postgres"), pool_size=2)
    yield database
    database.dispose()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "ANSWER_SECONDS", 0.3)


def backend(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_stopped_server_is_an_outage(database: Database) -> None:
    with database.reading() as connection:
        stopped = backend(connection)
    os.kill(stopped, signal.SIGSTOP)
    try:
        with pytest.raises(DatabaseUnavailableError), database.transaction() as connection:
            connection.execute(text("SELECT 1"))
        # Its connection has been replaced.
        with database.transaction() as connection:
            assert backend(connection) != stopped
    finally:
        os.kill(stopped, signal.SIGCONT)


def test_a_held_transaction_waits_as_long_as_its_statements_take(database: Database) -> None:
    with held_transaction(database) as held, held.transaction() as connection:
        assert connection.scalar(text("SELECT 1 FROM pg_sleep(1)")) == 1


def test_a_stopped_server_is_an_outage_for_a_direct_statement(database: Database) -> None:
    with database.direct() as connection:
        ((stopped,),) = BACKEND.rows(connection, {})
    os.kill(stopped, signal.SIGSTOP)
    try:
        with pytest.raises(DatabaseUnavailableError), database.direct() as connection:
            BACKEND.rows(connection, {})
        with database.direct() as connection:
            assert BACKEND.rows(connection, {}) != [(stopped,)]
    finally:
        os.kill(stopped, signal.SIGCONT)


def test_a_commit_that_waits_for_a_standby_is_an_outage(
    postgres_server: PostgresServer, database: Database
) -> None:
    def wait_for(standby: str) -> None:
        with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
            admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'".encode())
            admin.execute("SELECT pg_reload_conf()")

    try:
        with pytest.raises(DatabaseUnavailableError), database.transaction() as connection:
            connection.execute(text("SET LOCAL synchronous_commit = on"))
            connection.execute(text("CREATE TABLE IF NOT EXISTS committed_here (id int)"))
            wait_for("missing")
            connection.execute(text("SELECT pg_sleep(0.1)"))
    finally:
        wait_for("")


def test_a_stopped_server_is_an_outage_for_the_jobs(postgres_server: PostgresServer) -> None:
    async def use() -> None:
        url = driver_url(postgres_server.url("postgres"))
        async with await BoundedAsyncConnection.connect(url, autocommit=True) as connection:
            stopped = connection.info.backend_pid
            os.kill(stopped, signal.SIGSTOP)
            try:
                with pytest.raises(psycopg.OperationalError):
                    await connection.execute("SELECT 1")
            finally:
                os.kill(stopped, signal.SIGCONT)
            assert connection.closed

    asyncio.run(use())


def test_a_wait_for_notifications_does_not_end(postgres_server: PostgresServer) -> None:
    async def use() -> None:
        url = driver_url(postgres_server.url("postgres"))
        async with await BoundedAsyncConnection.connect(url, autocommit=True) as connection:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3 * connecting.ANSWER_SECONDS):
                    await anext(connection.notifies())
            await connection.execute("SELECT 1")

    asyncio.run(use())


def test_a_server_that_has_become_a_standby_is_an_outage_and_left(database: Database) -> None:
    with database.transaction() as connection:
        demoted = backend(connection)
        connection.execute(MAKE_STANDBY)
    with pytest.raises(DatabaseUnavailableError), database.transaction() as connection:
        connection.execute(WRITE)
    with database.transaction() as connection:
        assert backend(connection) != demoted


def test_copy_to_a_server_that_has_become_a_standby_is_an_outage(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError), database.transaction() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        driver_connection(connection).execute("CREATE TABLE never (id int)")


def test_a_write_in_a_snapshot_is_a_fault_and_no_outage(database: Database) -> None:
    with pytest.raises(exc.InternalError, match="read-only"), database.snapshot() as connection:
        connection.execute(WRITE)


def test_the_first_host_that_can_write_is_connected_to(postgres_server: PostgresServer) -> None:
    database = Database(_with_hosts(postgres_server, f"/nonexistent,{postgres_server.socket_directory}"))
    with database.reading() as connection:
        assert backend(connection)
    database.dispose()


def test_a_standby_is_not_connected_to(postgres_server: PostgresServer) -> None:
    url = postgres_server.url("postgres") + "&options=-c%20default_transaction_read_only%3Don"
    with pytest.raises(psycopg.OperationalError, match="read-only"):
        psycopg.connect(driver_url(url))
    with psycopg.connect(driver_url(f"{url}&target_session_attrs=any")):
        pass


def _with_hosts(server: PostgresServer, hosts: str) -> str:
    return server.url("postgres").replace(f"host={server.socket_directory}", f"host={hosts}")
