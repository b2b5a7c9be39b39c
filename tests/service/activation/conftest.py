"""Fixtures: a replica of Activation beside a small Identity, for the tests of a module.

Accounts and codes are each test's own, so tests disturb one another as little as callers do. What needs an
empty table asks for `no_codes`.
"""

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import text

from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, running
from tests.service.clocks import CurrentClock
from tests.service.scripted_identity import Account, RunningIdentity, World
from tests.support.postgres import DatabaseTemplates


@pytest.fixture(scope="module")
def database_url(database_templates: DatabaseTemplates) -> Iterator[str]:
    name, url = database_templates.create("activation")
    yield url
    database_templates.drop(name)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    """The replica's database, for tests that look into it."""
    database = Database(database_url, pool_size=20)
    yield database
    database.dispose()


@pytest.fixture
def person(world: World) -> Account:
    return world.add()


@pytest.fixture(scope="module")
def replica(
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
) -> Iterator[Replica]:
    with running(database_url, certificates, identity.address, current_clock) as replica:
        yield replica


@pytest.fixture
def no_codes(database: Database) -> None:
    """The table is empty when the test begins."""
    with database.transaction() as connection:
        connection.execute(text("TRUNCATE activation_codes, generation_requests"))
