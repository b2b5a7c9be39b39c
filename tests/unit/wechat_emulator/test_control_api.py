import re
import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from deploy.wechat_emulator.control import TOKEN_HEADER, EmulatorControl, EmulatorRefusedError
from deploy.wechat_emulator.knobs import Knobs
from deploy.wechat_emulator.running import RunningEmulator
from tests.unit.wechat_emulator.browser import Browser


@pytest.mark.parametrize("token", [None, "", "wrong", "würong"])
def test_without_the_token_nothing_is_told_or_done(emulator: RunningEmulator, token: str | None) -> None:
    headers = {} if token is None else {TOKEN_HEADER: token.encode()}
    response = requests.post(
        emulator.base_url + "/_emulator/knobs",
        headers=headers,
        json={"startlogin_ret": 1},
        verify=emulator.ca_file,
        timeout=5,
    )
    assert response.status_code == 403
    assert emulator.control.knobs() == Knobs()


def test_a_login_is_found_by_uuid_ticket_and_url(browser: Browser, control: EmulatorControl) -> None:
    url = browser.started()
    ticket = parse_qs(urlsplit(url).query)["qrticket"][0]
    assert re.fullmatch("[0-9a-f]{32}", ticket)
    assert {control.login(key).uuid for key in (browser.uuid, ticket, url)} == {browser.uuid}
    assert [login.ticket for login in control.pending_logins()] == [ticket]


def test_an_unknown_login_is_404(control: EmulatorControl) -> None:
    with pytest.raises(EmulatorRefusedError) as refusal:
        control.scan("0" * 32)
    assert refusal.value.status == 404


def test_waiting_for_logins_ends_when_they_come_or_in_time(
    browser: Browser, emulator: RunningEmulator
) -> None:
    with pytest.raises(TimeoutError, match="0 logins are qr_issued"):
        emulator.control.wait_for_logins(timeout=0.05)
    arrival = threading.Thread(target=browser.started)
    arrival.start()
    [login] = emulator.control.wait_for_logins(timeout=5)
    arrival.join()
    assert login.uuid == browser.uuid


def test_each_unnamed_scan_gets_another_account(emulator: RunningEmulator) -> None:
    for _ in range(30):
        with Browser(emulator) as browser:
            browser.log_in(emulator)
    sessions = emulator.control.sessions()
    assert len({session.original_id for session in sessions}) == 30
    assert len({session.cookies["bizuin"] for session in sessions}) == 30
    assert len({session.token for session in sessions}) == 30


def test_the_same_name_is_the_same_account_in_another_session(
    browser: Browser, emulator: RunningEmulator
) -> None:
    for _ in range(2):
        browser.log_in(emulator, account="一个名字")
    first, second = emulator.control.sessions()
    assert re.fullmatch("gh_[0-9a-f]{12}", first.original_id)
    assert re.fullmatch("[0-9]{10}", first.cookies["bizuin"])
    for name in ("slave_user", "bizuin"):
        assert first.cookies[name] == second.cookies[name]
    assert first.token != second.token
    assert first.cookies["slave_sid"] != second.cookies["slave_sid"]


def test_an_account_can_be_given_its_facts_once(control: EmulatorControl) -> None:
    given = control.add_account("自定义", "gh_0123456789ab", 3_000_000_001, "/mmhead/own.jpg", "own")
    assert given in control.accounts()
    assert control.add_account("自定义") == given
    for name, original_id in (("自定义", "gh_ffffffffffff"), ("另一个", "gh_0123456789ab")):
        with pytest.raises(EmulatorRefusedError) as refusal:
            control.add_account(name, original_id)
        assert refusal.value.status == 409


def test_the_confirmation_can_choose_another_account(browser: Browser, control: EmulatorControl) -> None:
    url = browser.started()
    control.scan(url, account="青禾读书会", acct_size=2)
    control.confirm(url, account="小城菜谱")
    browser.finish()
    assert control.sessions()[0].account == "小城菜谱"


@pytest.mark.parametrize(
    "changes", [{"no_such": 1}, {"uuid_in": "pocket"}, {"acct_size": "1"}, {"acct_size": True}]
)
def test_a_wrong_knob_is_refused_and_changes_nothing(
    control: EmulatorControl, changes: dict[str, object]
) -> None:
    with pytest.raises(EmulatorRefusedError) as refusal:
        control._call("POST", "/knobs", {"startlogin_ret": 1} | changes)
    assert refusal.value.status == 400
    assert control.knobs() == Knobs()


def test_a_logins_own_knob_holds_for_it_alone_and_over_the_global_one(
    browser: Browser, emulator: RunningEmulator
) -> None:
    control = emulator.control
    browser.started()
    control.set_login_knobs(browser.uuid, ask_ret=1)
    control.set_knobs(ask_ret=-6, home_shape=2)
    assert browser.ask()["base_resp"]["ret"] == 1
    with Browser(emulator) as other:
        other.started()
        assert other.ask()["base_resp"]["ret"] == -6


def test_counters_tell_requests_connections_and_polls(browser: Browser, emulator: RunningEmulator) -> None:
    browser.started()
    before = time.monotonic()
    for _ in range(3):
        browser.ask()
    counters = emulator.control.counters()
    assert counters.requests == {
        "/cgi-bin/bizlogin?action=startlogin": 1,
        "/cgi-bin/scanloginqrcode?action=getqrcode": 1,
        "/cgi-bin/scanloginqrcode?action=ask": 3,
    }
    assert counters.open_connections == 2
    assert counters.logins == 1
    assert emulator.control.login(browser.uuid).asks == 3
    times = emulator.control.ask_times()[browser.uuid]
    assert len(times) == 3
    assert before < times[0] < times[1] < times[2] < time.monotonic()


def test_requests_are_recorded_on_demand(browser: Browser, control: EmulatorControl) -> None:
    browser.start()
    control.set_knobs(record_requests=True)
    browser.start()
    [request] = control.recorded_requests()
    assert (request.method, request.path) == ("POST", "/cgi-bin/bizlogin")
    assert request.query == {"action": "startlogin"}
    assert request.form["login_type"] == "3"
    assert request.cookies["uuid"]
    assert request.headers["User-Agent"].startswith("python-requests")


def test_reset_forgets_everything(browser: Browser, emulator: RunningEmulator) -> None:
    control = emulator.control
    control.set_knobs(home_shape=2)
    control.add_account("会被忘记")
    token = browser.log_in(emulator)
    control.advance_clock(1000)
    control.reset()
    assert (control.logins(), control.sessions(), control.knobs()) == ([], [], Knobs())
    assert control.counters().requests == {}
    assert "会被忘记" not in {account.name for account in control.accounts()}
    assert browser.search(token)["base_resp"]["ret"] == 200003


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("POST", "/login", {}, 400),
        ("POST", "/login", {"login": 7}, 400),
        ("POST", "/login", ["login"], 400),
        ("POST", "/accounts", {"name": 7}, 400),
        ("POST", "/phone/scan", {"login": "x"}, 404),
    ],
)
def test_a_wrong_call_is_told_so(
    control: EmulatorControl, method: str, path: str, body: Any, status: int
) -> None:
    with pytest.raises(EmulatorRefusedError) as refusal:
        control._call(method, path, body)
    assert refusal.value.status == status


def test_an_unknown_act_of_the_phone_is_told_so(browser: Browser, control: EmulatorControl) -> None:
    url = browser.started()
    with pytest.raises(EmulatorRefusedError, match="missing or unknown: 'throw'"):
        control._phone("throw", url)
