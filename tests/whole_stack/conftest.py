"""One running stack with an emulated WeChat for all tests of this folder: real processes, PostgreSQL and Envoy."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support import unix_http
from tests.support.generous_limits import generous_environment
from tests.whole_stack.people import People

ROOT = Path(__file__).parents[2]


@pytest.hookimpl(tryfirst=True)  # pytest-xdist looks for the groups in the same hook.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            # One stack, so one worker.
            item.add_marker(pytest.mark.xdist_group("whole_stack"))


@pytest.fixture(scope="session")
def jwt_secret() -> str:
    """The key of this stack's tokens, for tests that forge them."""
    return secrets.token_urlsafe(48)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, jwt_secret: str) -> Iterator[LocalStack]:
    settings = LocalSettings.side_by_side(
        tmp_path_factory.mktemp("stack"),
        jwt_secret=jwt_secret,
        admin_password=secrets.token_urlsafe(16),
        gateway_metrics_port=0,
    )
    with unix_http.socket_path() as admin_socket:
        environment = generous_environment(ENVOY_ADMIN_SOCKET=str(admin_socket))
        with LocalStack(settings, wechat_emulator=(), environment=environment) as running:
            yield running


@pytest.fixture
def wechat(stack: LocalStack) -> Iterator[EmulatorControl]:
    """The phone and the knobs of the emulated WeChat, as after its start."""
    emulator = stack.wechat_emulator
    assert emulator is not None
    with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as control:
        control.reset()
        yield control


@pytest.fixture(scope="session")
def people(stack: LocalStack, jwt_secret: str) -> Iterator[People]:
    with People(stack, jwt_secret) as people:
        yield people
