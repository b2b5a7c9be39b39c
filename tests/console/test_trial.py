"""A session with `make try`, as a person has it: sign in, scan with the emulated phone, cancel, let expire."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.local.settings import LocalSettings
from tests.console.tab import Tab

ROOT = Path(__file__).parents[2]
START_SECONDS = 100


@dataclass(frozen=True)
class Trial:
    """What a running `make try` has printed."""

    console: str
    phone: str
    email: str
    password: str = field(repr=False)
    code: str = field(repr=False)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    ports = {name.upper(): "0" for name in LocalSettings.model_fields if name.endswith("_port")}
    # A database that is exported for `make run` stays out of it.
    strangers = {"IDENTITY_DATABASE_URL": "postgresql://other@127.0.0.1:1/none"}
    state = {"FASTMP_STATE_DIR": str(tmp_path_factory.mktemp("state"))}
    process = subprocess.Popen(
        ["make", "-s", "try"],
        cwd=ROOT,
        env={**os.environ, **ports, **strangers, **state},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        printed = ""
        while "FastMP is ready" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        found = re.search(
            r"console +(?P<console>http://127\.0\.0\.1:\d+)/\n"
            r".*phone +(?P<phone>http://127\.0\.0\.1:\d+/) .*"
            r"Account +(?P<email>\S+), password (?P<password>\S+) .*code +(?P<code>[0-9a-f]{32}) ",
            printed,
            re.DOTALL,
        )
        assert found, printed
        yield Trial(**found.groupdict())
    finally:
        # As Ctrl-C in a terminal does.
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=START_SECONDS)[0] == "stopping\n"


@pytest.fixture
def opened(browser: Browser, trial: Trial) -> Iterator[Callable[[], tuple[Tab, Page]]]:
    """Opens the console and the phone, each in a browser of its own."""
    contexts = [browser.new_context(locale="zh-CN") for _ in range(2)]
    complaints: list[str] = []

    def open_both() -> tuple[Tab, Page]:
        tab, phone = Tab(contexts[0], trial.console), contexts[1].new_page()
        phone.on("pageerror", lambda error: complaints.append(str(error)))
        phone.on("console", lambda message: complaints.append(message.text))
        phone.goto(trial.phone)
        return tab, phone

    yield open_both
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.timeout(2 * START_SECONDS)
def test_a_session_with_make_try(trial: Trial, opened: Callable[[], tuple[Tab, Page]]) -> None:
    tab, phone = opened()
    expect(phone.get_by_text("没有等待扫描的二维码")).to_be_visible()
    tab.field("邮箱").fill(trial.email)
    tab.field("密码").fill(trial.password)
    tab.button("登录").click()
    expect(tab.navigation).to_be_visible()
    tab.start_scan()

    # Without an official account, cancelled, expired: each time the login goes on.
    press(phone, "扫码（没有公众号）")
    expect(tab.status).to_contain_text("没有可登录的公众号")
    press(phone, "取消登录")
    expect(phone.get_by_text("第 2 个二维码")).to_be_visible()
    tab.read_qr()
    press(phone, "让二维码过期")
    expect(phone.get_by_text("第 3 个二维码")).to_be_visible()
    tab.read_qr()

    press(phone, "扫码（管理多个公众号）")
    expect(tab.status).to_contain_text("请在手机上选择")
    name = "山茶 & “晚风”日报"
    phone.get_by_label("公众号").select_option(name)
    press(phone, "确认登录")
    expect(tab.page.get_by_role("heading", name=f"「{name}」登录成功")).to_be_visible()
    expect(phone.get_by_text(f"「{name}」已登录")).to_be_visible()

    phone.get_by_role("button", name="English").click()
    expect(phone.get_by_role("heading", name="The emulated phone")).to_be_visible()
    expect(phone.get_by_text(f"{name} is logged in")).to_be_visible()


def test_its_code_is_for_a_new_account(trial: Trial, opened: Callable[[], tuple[Tab, Page]]) -> None:
    tab, _ = opened()
    tab.button("注册").click()
    tab.field("邮箱").fill("new@example.com")
    tab.field("密码").fill("correct horse battery")
    tab.button("注册并登录").click()
    tab.field("激活码").fill(trial.code)
    tab.button("兑换").click()
    expect(tab.page.get_by_role("region", name="使用权限")).to_contain_text("使用中")


def press(phone: Page, words: str) -> None:
    phone.get_by_role("button", name=words, exact=True).click()
