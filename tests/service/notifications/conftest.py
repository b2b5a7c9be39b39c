"""Fixtures: a replica of Notifications beside a small Identity and a receiver of webhooks."""

from collections.abc import Iterator, Mapping

import pytest

from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from tests.service.activation.conftest import CurrentClock
from tests.service.activation.scripted_identity import Account, RunningIdentity, World
from tests.service.identity.replicas import Clock
from tests.service.notifications.receiver import Receiver
from tests.service.notifications.replicas import Replica, running
from tests.support.postgres import DatabaseTemplates


@pytest.fixture(scope="module")
def current_clock() -> CurrentClock:
    return CurrentClock()


@pytest.fixture
def clock(current_clock: CurrentClock) -> Iterator[Clock]:
    """The replica's clock: real time until the test moves it."""
    current_clock.clock = Clock()
    yield current_clock.clock
    current_clock.clock = Clock()


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


@pytest.fixture(scope="module")
def identity(certificates: Mapping[str, TlsFiles]) -> Iterator[RunningIdentity]:
    identity = RunningIdentity(certificates["identity"])
    yield identity
    identity.down()


@pytest.fixture
def world(identity: RunningIdentity) -> Iterator[World]:
    yield identity.world
    identity.world.heal()


@pytest.fixture
def admin(world: World) -> Account:
    return world.add("admin")


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
