"""Fixtures: a replica of Identity over a database of the test's own, and accounts in it."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from services.identity.composition import Identity
from tests.service.identity.replicas import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    Account,
    Callers,
    Clock,
    running,
    sign_in,
    sign_up,
)
from tests.support.postgres import FreshDatabase


@dataclasses.dataclass(frozen=True)
class Replica:
    """A replica and those who call it."""

    identity: Identity
    callers: Callers


# A fifth of a second of a core for each password would be most of what these tests take. How much a hash costs is
# shown by the unit tests of the form, by the throttle's and the timing tests, and by the running stack.
CHEAP_ROUNDS = 1000


@pytest.fixture(autouse=True)
def cheap_hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes with fewer rounds, but for tests with the mark `real_hashing`."""
    if request.node.get_closest_marker("real_hashing") is None:
        monkeypatch.setattr("services.identity.passwords.hashes.ROUNDS", CHEAP_ROUNDS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database_url(fresh_database: FreshDatabase) -> str:
    return fresh_database("identity")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The replica's database, for tests that look into it."""
    database = Database(database_url, pool_size=20)
    yield database
    database.dispose()


@pytest.fixture
def start_replica(
    database_url: str, certificates: Mapping[str, TlsFiles], clock: Clock
) -> Iterator[Callable[..., Replica]]:
    """Starts replicas over the one database; settings by keyword."""
    with ExitStack() as held:

        def start(**settings: object) -> Replica:
            return Replica(*held.enter_context(running(database_url, certificates, clock, **settings)))

        yield start


@pytest.fixture
def replica(start_replica: Callable[..., Replica]) -> Replica:
    return start_replica()


@pytest.fixture
def callers(replica: Replica) -> Callers:
    return replica.callers


@pytest.fixture
def admin(replica: Replica) -> Account:
    made = replica.identity.administration.create(ADMIN_EMAIL, ADMIN_PASSWORD, "admin")
    return sign_in(replica.callers, str(made.id), ADMIN_EMAIL, ADMIN_PASSWORD)


@pytest.fixture
def person(callers: Callers) -> Account:
    return sign_up(callers, "person@example.com")
