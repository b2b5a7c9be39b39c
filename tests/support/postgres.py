"""Real PostgreSQL databases for tests: one server for each test worker, one migrated database for each test.

`fresh_database("identity")` gives the URL of a database of this test's own, migrated by Alembic as it is in
production and owned by a role without further rights. Migrations run once for each worker; tests get copies.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from deploy.local.databases import close_to_public, ensure_owned_database
from deploy.local.postgres import PostgresServer
from deploy.local.processes import Launcher

FreshDatabase = Callable[[str], str]

# A lost test database costs nothing, so the server of the tests waits for no disk.
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_size": "256MB",
}
# A new database is a copy of some eight megabytes: 14 ms in memory where it is 77 ms on a disk (medians of 15).
MEMORY = Path("/dev/shm")
LEAST_FREE_MEMORY = 4 * 2**30


@contextmanager
def cluster_folder(memory: Path = MEMORY) -> Iterator[Path]:
    """An empty folder, in memory where there is enough of it; gone afterwards.

    Removes those of processes that were killed, which would fill the memory.
    """
    for leftover in memory.glob("fastmp-tests-*-*"):
        if not _is_running(int(leftover.name.split("-")[2])):
            shutil.rmtree(leftover, ignore_errors=True)
    in_memory = memory.is_dir() and shutil.disk_usage(memory).free > LEAST_FREE_MEMORY
    prefix = f"fastmp-tests-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=memory if in_memory else None) as folder:
        yield Path(folder)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@dataclass
class DatabaseTemplates:
    """Migrated template databases by service name, and copies of them."""

    server: PostgresServer
    password: str = field(repr=False)
    _templates: set[str] = field(default_factory=set)
    _copies: int = 0

    def template(self, service: str) -> str:
        """The name of the database that the migrations of `services.<service>` ran on, now if not before."""
        if service not in self._templates:
            # Imported here so that tests of the server itself need no service.
            from services.chassis.postgres.migrations import upgrade

            ensure_owned_database(self.server.url("postgres"), name=service, password=self.password)
            upgrade(self.server.url(service, role=service, password=self.password), f"services.{service}")
            self._templates.add(service)
        return service

    def create(self, service: str) -> tuple[str, str]:
        """Name and URL of a new copy of `service`'s migrated database."""
        template = self.template(service)
        self._copies += 1
        name = f"{service}_{self._copies}"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            identifiers = (sql.Identifier(part) for part in (name, template, service))
            connection.execute(copy.format(*identifiers))
            close_to_public(connection, name)
        return name, self.server.url(name, role=service, password=self.password)

    def drop(self, name: str) -> None:
        """Drops the database `name`, ending the sessions that still use it."""
        statement = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL server of this test worker's own."""
    with cluster_folder() as folder:
        server = PostgresServer(
            folder / "cluster",
            log=folder / "postgres.log",
            superuser_password=secrets.token_hex(16),
            launcher=Launcher(),
            options=THROW_AWAY,
        )
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def database_templates(postgres_server: PostgresServer) -> DatabaseTemplates:
    return DatabaseTemplates(postgres_server, secrets.token_hex(16))


@pytest.fixture
def fresh_database(database_templates: DatabaseTemplates) -> Iterator[FreshDatabase]:
    """A function from a service's name to the URL of a new, migrated, empty database (`postgresql://…`)."""
    created: list[str] = []

    def create(service: str) -> str:
        name, url = database_templates.create(service)
        created.append(name)
        return url

    yield create
    for name in created:
        database_templates.drop(name)
