"""Fixtures: a replica of Notifications beside a small Identity and a receiver of webhooks."""

from collections.abc import Iterator, Mapping

import pytest

from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from tests.service.clocks import CurrentClock
from tests.service.identity.replicas import Clock
from tests.service.notifications.receiver import Receiver
from tests.service.notifications.replicas import Replica, running
from tests.service.scripted_identity import Account, RunningIdentity, World
from tests.support.postgres import DatabaseTemplates


@pytest.fixture(scope="module")
def database_url(database_templates: DatabaseTemplates) -> Iterator[str]:
    name, url = database_templates.create("notifications")
    yield url
    database_templates.drop(name)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    """The replica's database, for tests that look into it."""
    database = Database(database_url, pool_size=5)
    yield database
    database.dispose()


@pytest.fixture
def person(world: World, clock: Clock) -> Account:
    """An account with access for a long time."""
    account = world.add()
    world.set_status(account, "active")
    return account


@pytest.fixture(scope="module")
def receiver(certificates: Mapping[str, TlsFiles]) -> Iterator[Receiver]:
    receiver = Receiver(certificates["identity"])
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def replica(
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
) -> Iterator[Replica]:
    with running(database_url, certificates, identity.address, current_clock) as replica:
        yield replica
