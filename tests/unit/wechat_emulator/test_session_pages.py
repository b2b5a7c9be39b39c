import html
import io
import json
import re
from typing import Literal

import pytest
import requests
from PIL import Image

from deploy.wechat_emulator.accounts import DEFAULT_NAMES
from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.knobs import AvatarUrl
from deploy.wechat_emulator.running import RunningEmulator
from tests.unit.wechat_emulator.browser import Browser

NICK_NAME = {1: r'wx\.cgiData\.nick_name = "([^"]*)";', 2: r'\n +nick_name: "([^"]*)",'}
HEAD_IMG = {1: r'wx\.cgiData\.head_img = "([^"]*)";', 2: r"\n +head_img: '([^']*)',"}


def unescaped(text: str) -> str:
    return html.unescape(json.loads('"' + text.replace("\\x", "\\u00") + '"'))


def field(pattern: str, page: str) -> str:
    match = re.search(pattern, page)
    assert match is not None, page
    return unescaped(match[1])


@pytest.mark.parametrize("shape", [1, 2])
@pytest.mark.parametrize("name", DEFAULT_NAMES)
def test_both_shapes_name_the_account(
    browser: Browser, emulator: RunningEmulator, shape: Literal[1, 2], name: str
) -> None:
    emulator.control.set_knobs(home_shape=shape)
    page = browser.home(browser.log_in(emulator, account=name)).text
    account = emulator.control.add_account(name)
    assert field(NICK_NAME[shape], page) == name
    assert field(HEAD_IMG[shape], page) == emulator.base_url + account.head_image
    assert account.original_id in page
    assert ("wx.cgiData" in page, "wx.commonData" in page) == (shape == 1, shape == 2)


def test_names_are_escaped_twice_as_on_the_real_page(browser: Browser, emulator: RunningEmulator) -> None:
    token = browser.log_in(emulator, account='<茶> & "饭"')
    assert r'"\x26lt;茶\x26gt; \x26amp; \x26quot;饭\x26quot;"' in browser.home(token).text
    emulator.control.set_knobs(home_shape=2)
    assert r'"&lt;\u8336&gt; &amp; &quot;\u996d&quot;"' in browser.home(token).text


@pytest.mark.parametrize("shape", [1, 2])
def test_a_mini_program_has_no_nickname_and_no_data(
    browser: Browser, emulator: RunningEmulator, shape: Literal[1, 2]
) -> None:
    emulator.control.set_knobs(mini_program=True, home_shape=shape)
    token = browser.log_in(emulator)
    assert field(NICK_NAME[shape], browser.home(token).text) == ""
    assert browser.search(token)["base_resp"]["ret"] == 200002


@pytest.mark.parametrize("why", ["no cookies", "other token", "killed", "expired", "knob"])
def test_a_logged_out_home_page_is_http_200_with_the_words(
    browser: Browser, emulator: RunningEmulator, why: str
) -> None:
    token = browser.log_in(emulator)
    assert "登录超时" not in browser.home(token).text
    match why:
        case "no cookies":
            browser.http.cookies.clear()
        case "other token":
            token = "1" + token
        case "killed":
            emulator.control.kill_session(token)
        case "expired":
            emulator.control.advance_clock(345_601)
        case "knob":
            emulator.control.set_knobs(home_page="logged_out")
    response = browser.home(token)
    assert response.status_code == 200
    assert "登录超时" in response.text


def test_a_home_page_without_its_script(browser: Browser, emulator: RunningEmulator) -> None:
    emulator.control.set_knobs(home_page="no_script")
    page = browser.home(browser.log_in(emulator)).text
    assert "nick_name" not in page
    assert "登录超时" not in page


def test_logout_ends_the_session_with_its_own_token_only(browser: Browser, emulator: RunningEmulator) -> None:
    token = browser.log_in(emulator)
    browser.get("/cgi-bin/logout", t="wxm-logout", token="1" + token)
    assert emulator.control.sessions()[0].alive
    browser.get("/cgi-bin/logout", t="wxm-logout", token=token)
    assert not emulator.control.sessions()[0].alive
    assert "slave_sid" not in browser.http.cookies


def test_the_avatar_is_an_image_that_differs_by_account(browser: Browser, emulator: RunningEmulator) -> None:
    images = []
    for name in DEFAULT_NAMES[:2]:
        page = browser.home(browser.log_in(emulator, account=name)).text
        response = browser.http.get(field(HEAD_IMG[1], page), timeout=5)
        assert Image.open(io.BytesIO(response.content)).format == "JPEG"
        images.append(response.content)
    assert images[0] != images[1]


def avatar(browser: Browser, emulator: RunningEmulator) -> requests.Response:
    browser.log_in(emulator, account="小城菜谱")
    path = emulator.control.add_account("小城菜谱").head_image
    return browser.http.get(emulator.base_url + path, timeout=5, stream=True)


def test_the_avatar_can_be_html(browser: Browser, emulator: RunningEmulator) -> None:
    emulator.control.set_knobs(avatar="html")
    response = avatar(browser, emulator)
    assert response.status_code == 200
    assert response.text.startswith("<!DOCTYPE html>")


def test_the_avatar_can_be_missing(browser: Browser, emulator: RunningEmulator) -> None:
    emulator.control.set_knobs(avatar="missing")
    assert avatar(browser, emulator).status_code == 404


def test_the_avatar_can_be_50_mb_without_a_length(browser: Browser, emulator: RunningEmulator) -> None:
    emulator.control.set_knobs(avatar="huge")
    response = avatar(browser, emulator)
    assert "Content-Length" not in response.headers
    blocks = [len(block) for block in response.iter_content(1 << 20)]
    assert sum(blocks) == 50 * 1024 * 1024


@pytest.mark.parametrize(
    ("form", "start"), [("http", "http://127.0.0.1:"), ("scheme_relative", "//127.0.0.1:"), ("none", "")]
)
def test_the_avatars_address_has_the_form_of_the_knob(
    browser: Browser, emulator: RunningEmulator, form: AvatarUrl, start: str
) -> None:
    emulator.control.set_knobs(avatar_url=form)
    address = field(HEAD_IMG[1], browser.home(browser.log_in(emulator)).text)
    assert address.startswith(start)
    assert bool(address) is (form != "none")


def test_the_account_list_has_what_the_scanner_administers(
    browser: Browser, emulator: RunningEmulator, control: EmulatorControl
) -> None:
    url = browser.started()
    control.scan(url, account="小城菜谱", acct_size=3)
    control.confirm(url)
    browser.finish()
    [session] = control.sessions()
    answer = browser.get("/cgi-bin/switchacct", action="get_acct_list", token=session.token).json()
    assert answer["biz_list"]["length"] == len(answer["biz_list"]["list"]) == 3
    first = answer["biz_list"]["list"][0]
    assert set(first) == {"username", "nickname", "headimgurl", "bizuin", "is_admin", "acct_type"}
    assert (first["nickname"], first["username"]) == ("小城菜谱", session.original_id)
    assert answer["wxa_biz_list"] == {"length": 0, "list": []}
