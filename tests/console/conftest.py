"""A running stack with an emulated WeChat, and tabs of a real Chromium that look at its console."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from deploy import chromium
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.console.tab import Tab
from tests.support.generous_limits import generous_environment
from tests.whole_stack.people import People

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist looks for the groups in the same hook.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            # One stack and one browser, so one worker.
            item.add_marker(pytest.mark.xdist_group("console"))


@pytest.fixture(scope="package")
def jwt_secret() -> str:
    return secrets.token_urlsafe(48)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, jwt_secret: str) -> Iterator[LocalStack]:
    settings = LocalSettings.side_by_side(
        tmp_path_factory.mktemp("stack"), jwt_secret=jwt_secret, admin_password=secrets.token_urlsafe(16)
    )
    with LocalStack(settings, wechat_emulator=(), environment=generous_environment()) as running:
        yield running


@pytest.fixture(scope="package")
def people(stack: LocalStack, jwt_secret: str) -> Iterator[People]:
    with People(stack, jwt_secret) as people:
        yield people


@pytest.fixture
def wechat(stack: LocalStack) -> Iterator[EmulatorControl]:
    """The phone and the knobs of the emulated WeChat, as after its start."""
    emulator = stack.wechat_emulator
    assert emulator is not None
    with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as control:
        control.reset()
        yield control


# While Playwright runs, its event loop does, so other tests of the same worker could have none.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = chromium.find()
    assert program is not None, chromium.ADVICE
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def open_tab(browser: Browser, stack: LocalStack) -> Iterator[Callable[..., Tab]]:
    """Opens a tab of a fresh browser profile at the console; keywords are Playwright's for the profile.

    At the end of the test no tab may have complained: no script error, nothing that the content policy stopped.
    """
    opened: list[Tab] = []

    def open_one(**options: Any) -> Tab:
        options = {"viewport": {"width": 1440, "height": 900}, "locale": "zh-CN", **options}
        tab = Tab(browser.new_context(**options), stack.gateway_url)
        opened.append(tab)
        return tab

    yield open_one
    complaints = [complaint for tab in opened for complaint in tab.complaints]
    for tab in opened:
        tab.context.close()
    assert not complaints


@pytest.fixture
def tab(open_tab: Callable[..., Tab]) -> Tab:
    return open_tab()
