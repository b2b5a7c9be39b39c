"""Two emulators, over TLS and in plain, and clients with short timeouts."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from deploy.wechat_emulator.running import RunningEmulator, running_emulator
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.settings import MpSettings

MakeClient = Callable[..., MpClient]


@pytest.fixture(scope="session")
def tls_emulator() -> Iterator[RunningEmulator]:
    with running_emulator(tls=True, seed=1) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def plain_emulator() -> Iterator[RunningEmulator]:
    with running_emulator(tls=False, seed=1) as emulator:
        yield emulator


@pytest.fixture
def emulator(tls_emulator: RunningEmulator) -> RunningEmulator:
    """The one over TLS, as freshly started."""
    tls_emulator.control.reset()
    return tls_emulator


@pytest.fixture(params=["https", "http"])
def either_emulator(request: pytest.FixtureRequest) -> RunningEmulator:
    """Both in turn, as freshly started."""
    name = "tls_emulator" if request.param == "https" else "plain_emulator"
    emulator: RunningEmulator = request.getfixturevalue(name)
    emulator.control.reset()
    return emulator


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Clients of an address, with settings changed by name, closed at the end."""
    with ExitStack() as stack:

        def make(base_url: str, ca_file: str | None = None, **settings: Any) -> MpClient:
            values = {"connect_timeout": 5.0, "read_timeout": 5.0, "exchange_timeout": 8.0, **settings}
            mp_settings = MpSettings(base_url=base_url, ca_file=Path(ca_file) if ca_file else None, **values)
            return stack.enter_context(MpClient(mp_settings, time.time, random.Random(1)))

        yield make


@pytest.fixture
def client(emulator: RunningEmulator, make_client: MakeClient) -> MpClient:
    """A client of the emulator over TLS."""
    return make_client(emulator.base_url, emulator.ca_file)
