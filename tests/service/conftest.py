"""Fixtures for a replica of one service beside a small Identity. Folders with a real Identity have their own."""

from collections.abc import Iterator, Mapping

import pytest

from services.chassis.mutual_tls import TlsFiles
from tests.service.clocks import CurrentClock
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, RunningIdentity, World


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
