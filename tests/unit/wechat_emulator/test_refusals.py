import pytest

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.running import RunningEmulator
from tests.unit.wechat_emulator.browser import Browser

INVALID_SESSION = {"base_resp": {"err_msg": "invalid session", "ret": 200003}}
INVALID_TOKEN = {"base_resp": {"err_msg": "invalid csrf token", "ret": 200040}}
INVALID_ARGS = {"base_resp": {"err_msg": "invalid args", "ret": 200002}}


@pytest.mark.parametrize("uuid", [None, "0" * 32])
def test_without_a_known_uuid_there_is_no_qr_no_status_and_no_login(
    browser: Browser, uuid: str | None
) -> None:
    if uuid is not None:
        browser.http.cookies.set("uuid", uuid)
    assert browser.qr().content == b""
    assert browser.ask() == INVALID_SESSION
    assert browser.ask_approval() == INVALID_SESSION
    assert browser.finish().json() == INVALID_SESSION


def test_login_before_the_confirmation_is_refused(browser: Browser, control: EmulatorControl) -> None:
    url = browser.started()
    assert browser.finish().json()["base_resp"]["ret"] == -1
    control.scan(url)
    response = browser.finish()
    assert response.json() == {"base_resp": {"err_msg": "system error", "ret": -1}}
    assert "slave_sid" not in browser.http.cookies
    assert control.sessions() == []


def test_login_works_once(browser: Browser, emulator: RunningEmulator) -> None:
    emulator.control.scan_and_confirm(browser.started())
    uuid = browser.uuid
    assert "redirect_url" in browser.finish().json()
    browser.http.cookies.set("uuid", uuid)

    assert browser.finish().json() == INVALID_SESSION
    assert browser.ask()["base_resp"]["ret"] == 1
    assert browser.qr().content == b""
    assert len(emulator.control.sessions()) == 1


@pytest.mark.parametrize("action", ["startlogin", "login"])
def test_bizlogin_refuses_get(browser: Browser, control: EmulatorControl, action: str) -> None:
    response = browser.get("/cgi-bin/bizlogin", action=action)
    assert (response.status_code, response.json()) == (200, INVALID_ARGS)
    assert control.logins() == []


def test_an_unknown_action_is_invalid(browser: Browser) -> None:
    assert browser.get("/cgi-bin/scanloginqrcode", action="dance").json() == INVALID_ARGS


def test_a_path_that_wechat_lacks_is_404(browser: Browser, control: EmulatorControl) -> None:
    assert browser.get("/cgi-bin/nothing").status_code == 404
    assert control.counters().requests == {"other": 1}


@pytest.mark.parametrize("cookie", ["slave_sid", "data_ticket", "slave_user"])
@pytest.mark.parametrize("value", [None, "wrong"])
def test_data_calls_need_the_three_cookies(
    browser: Browser, emulator: RunningEmulator, cookie: str, value: str | None
) -> None:
    token = browser.log_in(emulator)
    assert browser.search(token)["base_resp"]["ret"] == 0
    del browser.http.cookies[cookie]
    if value is not None:
        browser.http.cookies.set(cookie, value)
    assert browser.search(token) == INVALID_SESSION
    assert browser.articles(token, "Mw==") == INVALID_SESSION
    assert browser.get("/cgi-bin/switchacct", action="get_acct_list", token=token).json() == INVALID_SESSION


@pytest.mark.parametrize("token", ["", "999999999"])
def test_data_calls_need_the_sessions_own_token(
    browser: Browser, emulator: RunningEmulator, token: str
) -> None:
    browser.log_in(emulator)
    assert browser.search(token) == INVALID_TOKEN
    assert browser.articles(token, "Mw==") == INVALID_TOKEN
    assert browser.get("/cgi-bin/switchacct", action="get_acct_list", token=token).json() == INVALID_TOKEN


def test_unknown_extra_parameters_are_ignored(browser: Browser, emulator: RunningEmulator) -> None:
    browser.post("/cgi-bin/bizlogin?action=startlogin&x=1", fingerprint="0" * 32, nonsense="<>")
    emulator.control.scan_and_confirm(browser.qr_url())
    assert browser.get("/cgi-bin/scanloginqrcode", action="ask", login_appid="", x="y").json()["status"] == 1
    assert "redirect_url" in browser.post("/cgi-bin/bizlogin?action=login", extra="1").json()
