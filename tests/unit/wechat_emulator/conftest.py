from collections.abc import Iterator

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.running import RunningEmulator, running_emulator
from tests.unit.wechat_emulator.browser import Browser


@pytest.fixture(scope="session")
def https_emulator() -> Iterator[RunningEmulator]:
    with running_emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def http_emulator() -> Iterator[RunningEmulator]:
    with running_emulator(tls=False) as emulator:
        yield emulator


@pytest.fixture
def emulator(https_emulator: RunningEmulator) -> RunningEmulator:
    https_emulator.control.reset()
    return https_emulator


@pytest.fixture
def plain_emulator(http_emulator: RunningEmulator) -> RunningEmulator:
    http_emulator.control.reset()
    return http_emulator


@pytest.fixture
def control(emulator: RunningEmulator) -> EmulatorControl:
    return emulator.control


@pytest.fixture
def browser(emulator: RunningEmulator) -> Iterator[Browser]:
    with Browser(emulator) as browser:
        yield browser


@pytest.fixture
def plain_browser(plain_emulator: RunningEmulator) -> Iterator[Browser]:
    with Browser(plain_emulator) as browser:
        yield browser
