import re

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.knobs import FinalLogin
from tests.unit.wechat_emulator.browser import Browser, set_cookie_lines, token_of


def confirmed(browser: Browser, control: EmulatorControl) -> str:
    url = browser.started()
    control.scan_and_confirm(url)
    return url


def test_success_has_a_redirect_url_with_a_token_of_9_or_10_digits(
    browser: Browser, control: EmulatorControl
) -> None:
    confirmed(browser, control)
    answer = browser.finish().json()
    assert set(answer) == {"base_resp", "redirect_url"}
    assert re.fullmatch(r"/cgi-bin/home\?t=home/index&lang=zh_CN&token=[0-9]{9,10}", answer["redirect_url"])
    assert control.sessions()[0].token == token_of(answer["redirect_url"])
    assert control.logins()[0].stage == "logged_in"


def test_without_redirect_url_and_with_ret_0(browser: Browser, control: EmulatorControl) -> None:
    control.set_login_knobs(confirmed(browser, control), final_login="no_redirect_url")
    assert browser.finish().json() == {"base_resp": {"err_msg": "ok", "ret": 0}}


def test_without_redirect_url_and_with_a_ret_of_choice(browser: Browser, control: EmulatorControl) -> None:
    url = confirmed(browser, control)
    control.set_login_knobs(url, final_login="ret_error", final_login_ret=200008)
    assert browser.finish().json() == {"base_resp": {"err_msg": "need verify code", "ret": 200008}}


def test_without_token(browser: Browser, control: EmulatorControl) -> None:
    control.set_login_knobs(confirmed(browser, control), final_login="no_token")
    answer = browser.finish().json()
    assert answer["base_resp"]["ret"] == 0
    assert "token" not in answer["redirect_url"]


def test_with_a_token_that_is_a_path(browser: Browser, control: EmulatorControl) -> None:
    control.set_login_knobs(confirmed(browser, control), final_login="malformed_token")
    assert token_of(browser.finish().json()["redirect_url"]) == "../../etc"


def test_html(browser: Browser, control: EmulatorControl) -> None:
    control.set_login_knobs(confirmed(browser, control), final_login="html")
    response = browser.finish()
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert response.text.startswith("<!DOCTYPE html>")


def test_without_set_cookie(browser: Browser, control: EmulatorControl) -> None:
    control.set_login_knobs(confirmed(browser, control), final_login="no_set_cookie")
    response = browser.finish()
    assert "redirect_url" in response.json()
    assert set_cookie_lines(response) == {}


def test_without_slave_sid_alone(browser: Browser, control: EmulatorControl) -> None:
    control.set_login_knobs(confirmed(browser, control), final_login="no_slave_sid")
    lines = set_cookie_lines(browser.finish())
    assert "slave_sid" not in lines
    assert {"data_ticket", "slave_user"} < set(lines)


@pytest.mark.parametrize("shape", ["no_redirect_url", "no_token", "html", "ret_error"])
def test_a_broken_answer_without_a_session_leaves_the_confirmation_usable(
    browser: Browser, control: EmulatorControl, shape: FinalLogin
) -> None:
    url = confirmed(browser, control)
    control.set_login_knobs(url, final_login=shape)
    browser.finish()
    assert control.sessions() == []
    control.set_login_knobs(url, final_login="ok")
    assert "redirect_url" in browser.finish().json()


def test_startlogin_can_be_refused(browser: Browser, control: EmulatorControl) -> None:
    control.set_knobs(startlogin_ret=200013)
    assert browser.start().json() == {"base_resp": {"err_msg": "freq control", "ret": 200013}}
    assert "uuid" not in browser.http.cookies


def test_a_second_login_to_an_account_kills_the_first_only_when_told(
    browser: Browser, control: EmulatorControl
) -> None:
    for kill in (False, True):
        control.set_knobs(kill_on_second_login=kill)
        url = browser.started()
        control.scan_and_confirm(url, account="小城菜谱")
        browser.finish()
        if not kill:
            control.scan_and_confirm(browser.started(), account="北岸科技观察")
            browser.finish()
    assert [(session.account, session.alive) for session in control.sessions()] == [
        ("小城菜谱", False),
        ("北岸科技观察", True),
        ("小城菜谱", True),
    ]
