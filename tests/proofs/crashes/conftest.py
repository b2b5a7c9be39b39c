"""A stack whose parts the tests of this folder kill: two replicas of WeChatCookie, and an emulated WeChat.

Every test leaves all parts running. The services' jobs have the delays of production.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support.gateway_calls import GatewayCaller
from tests.support.generous_limits import generous_environment
from tests.support.ready_accounts import ReadyAccounts
from tests.support.serving import wait_until_served


@pytest.hookimpl(tryfirst=True)  # pytest-xdist looks for the groups in the same hook.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            # One stack, so one worker.
            item.add_marker(pytest.mark.xdist_group("crashes"))


@pytest.fixture(scope="session")
def jwt_secret() -> str:
    """The key of this stack's tokens."""
    return secrets.token_urlsafe(48)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, jwt_secret: str) -> Iterator[LocalStack]:
    settings = LocalSettings.side_by_side(tmp_path_factory.mktemp("crashes"), jwt_secret=jwt_secret)
    environment = generous_environment()
    with LocalStack(
        settings, replicas={"wechat_cookie": 2}, wechat_emulator=(), environment=environment
    ) as running:
        yield running


@pytest.fixture(scope="session")
def accounts(stack: LocalStack, jwt_secret: str) -> ReadyAccounts:
    return ReadyAccounts(stack.database_url("identity"), jwt_secret, secrets.token_urlsafe(16))


@pytest.fixture(scope="session")
def admin(stack: LocalStack, accounts: ReadyAccounts) -> Iterator[GatewayCaller]:
    """An admin at the gateway."""
    [account] = accounts.make(1, role="admin")
    with GatewayCaller(stack.gateway_url, account.token) as caller:
        yield caller


@pytest.fixture(autouse=True)
def served(admin: GatewayCaller) -> None:
    """The test before has started everything again, but the gateway may not have noticed yet."""
    wait_until_served(admin)


@pytest.fixture(scope="session")
def phone(stack: LocalStack) -> Iterator[EmulatorControl]:
    """The hand on the phone."""
    emulator = stack.wechat_emulator
    assert emulator is not None
    with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as control:
        yield control


@pytest.fixture
def code(admin: GatewayCaller) -> str:
    """A new activation code of 30 days."""
    made = admin.post("/activation/generate", valid_days=30, count=1)
    assert made.ok, made
    return str(made.body["codes"][0]["activation_code"])
