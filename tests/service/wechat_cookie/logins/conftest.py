"""One emulator over TLS, a database and replicas on both for each test."""

import datetime
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest
from cryptography.fernet import Fernet

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.running import RunningEmulator, running_emulator
from services.chassis.mutual_tls import TlsFiles
from services.chassis.vault import Vault
from tests.service.wechat_cookie.logins.callers import Caller
from tests.service.wechat_cookie.logins.replicas import Cluster, Replica
from tests.support.postgres import FreshDatabase


class RunningClock:
    """The true time, and what a test adds to it."""

    def __init__(self) -> None:
        self._ahead = datetime.timedelta()

    def __call__(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + self._ahead

    def move(self, **duration: float) -> None:
        self._ahead += datetime.timedelta(**duration)


@pytest.fixture(scope="session")
def login_emulator() -> Iterator[RunningEmulator]:
    with running_emulator(tls=True, seed=1) as emulator:
        yield emulator


@pytest.fixture
def emulator(login_emulator: RunningEmulator) -> RunningEmulator:
    """As freshly started."""
    login_emulator.control.reset()
    return login_emulator


@pytest.fixture
def phone(emulator: RunningEmulator) -> EmulatorControl:
    """The hand on the phone."""
    return emulator.control


@pytest.fixture
def running_clock() -> RunningClock:
    return RunningClock()


@pytest.fixture
def cluster(
    fresh_database: FreshDatabase,
    emulator: RunningEmulator,
    certificates: Mapping[str, TlsFiles],
    running_clock: RunningClock,
) -> Iterator[Cluster]:
    vault = Vault([Fernet.generate_key().decode()])
    with ExitStack() as stack:
        yield Cluster(fresh_database("wechat_cookie"), vault, emulator, certificates, running_clock, stack)


@pytest.fixture
def replica(cluster: Cluster) -> Replica:
    return cluster.replica()


@pytest.fixture
def ann(replica: Replica) -> Caller:
    return replica.account()
