"""The page that plays the phone: its calls, as the page's script makes them, and those it refuses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from deploy.local.ports import ReservedPort
from deploy.wechat_emulator.phone_page.handlers import SHOWN_SECONDS
from deploy.wechat_emulator.running import RunningEmulator, running_emulator
from tests.unit.wechat_emulator.browser import Browser


@dataclass(frozen=True)
class Page:
    """The phone's page of one emulator, and a browser at WeChat's login page."""

    emulator: RunningEmulator
    url: str
    browser: Browser

    def logins(self) -> list[dict[str, Any]]:
        return list(requests.get(f"{self.url}/logins", timeout=5).json()["logins"])

    def act(self, act: str, **details: Any) -> requests.Response:
        """An action on the newest login."""
        body = {"login": self.logins()[0]["uuid"], "act": act, **details}
        return requests.post(f"{self.url}/acts", json=body, timeout=5)


@pytest.fixture(scope="module")
def emulator_with_page() -> Iterator[tuple[RunningEmulator, str]]:
    port = ReservedPort.reserve()
    with running_emulator(tls=False, phone_port=port.number) as emulator:
        yield emulator, f"http://127.0.0.1:{port.number}"
    port.release()


@pytest.fixture
def page(emulator_with_page: tuple[RunningEmulator, str]) -> Iterator[Page]:
    emulator, url = emulator_with_page
    emulator.control.reset()
    with Browser(emulator) as browser:
        yield Page(emulator, url, browser)


def test_it_scans_chooses_and_confirms(page: Page) -> None:
    assert page.logins() == []
    page.browser.started()
    assert [login["stage"] for login in page.logins()] == ["qr_issued"]
    names = requests.get(f"{page.url}/logins", timeout=5).json()["accounts"]
    assert page.act("scan", account=names[0], acct_size=len(names)).ok
    assert page.browser.ask()["acct_size"] == len(names)
    assert page.act("confirm", account=names[2]).ok
    assert page.browser.status() == 1
    assert page.logins()[0]["account"] == names[2]


def test_it_cancels_lets_expire_and_has_no_account(page: Page) -> None:
    page.browser.started()
    assert page.act("scan", acct_size=0).ok
    assert (page.browser.status(), page.browser.ask()["acct_size"]) == (4, 0)
    assert page.act("cancel").ok
    assert page.browser.status() == 2
    page.browser.qr()
    assert page.act("expire").ok
    assert page.browser.status() == 3


def test_what_the_phone_cannot_do_now_is_said(page: Page) -> None:
    page.browser.started()
    refused = page.act("confirm")
    assert refused.status_code == 409
    assert "nothing to confirm" in refused.json()["error"]


def test_a_login_that_is_no_longer_polled_disappears(page: Page) -> None:
    page.browser.started()
    page.browser.ask()
    page.emulator.control.advance_clock(SHOWN_SECONDS - 5)
    assert len(page.logins()) == 1
    page.emulator.control.advance_clock(6)
    assert page.logins() == []


def test_other_sites_cannot_use_it(page: Page) -> None:
    page.browser.started()
    uuid = page.logins()[0]["uuid"]
    rebound = requests.get(f"{page.url}/logins", headers={"Host": "evil.example"}, timeout=5)
    assert rebound.status_code == 403
    text = f'{{"login": "{uuid}", "act": "expire"}}'
    simple = requests.post(f"{page.url}/acts", data=text, headers={"Content-Type": "text/plain"}, timeout=5)
    assert simple.status_code == 415
    assert page.browser.status() == 0


@pytest.mark.parametrize("act", ["raw_status", "approval", "no_such", None, ["scan"]])
def test_it_does_nothing_but_what_it_is_for(page: Page, act: object) -> None:
    page.browser.started()
    body = {"login": page.logins()[0]["uuid"], "act": act, "status": 1}
    assert requests.post(f"{page.url}/acts", json=body, timeout=5).status_code == 400
    assert requests.post(f"{page.url}/acts", json=[], timeout=5).status_code == 400


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css"])
def test_its_files_are_under_a_content_policy(page: Page, path: str) -> None:
    answer = requests.get(page.url + path, timeout=5)
    assert answer.ok
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
