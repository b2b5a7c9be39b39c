import re
import time
from email.utils import parsedate_to_datetime

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.cookies import parse_cookies
from deploy.wechat_emulator.knobs import UuidIn
from deploy.wechat_emulator.running import RunningEmulator
from tests.unit.wechat_emulator.browser import Browser, set_cookie_lines

DASHED = re.compile(r"Expires=(\w{3}, \d\d-\w{3}-\d{4} \d\d:\d\d:\d\d GMT)")


def expires_of(line: str) -> float:
    dashed = DASHED.search(line)
    assert dashed is not None, line
    return parsedate_to_datetime(dashed[1].replace("-", " ")).timestamp()


def test_the_first_visit_sets_the_visitor_cookies(browser: Browser) -> None:
    assert set(set_cookie_lines(browser.get("/"))) == {"ua_id", "wxuin", "xid", "mm_lang"}


def test_startlogin_sets_a_session_cookie_and_deletes_left_overs(browser: Browser) -> None:
    lines = set_cookie_lines(browser.start())
    assert re.fullmatch(r"uuid=[0-9a-f]{32}; Path=/; Secure; HttpOnly", lines.pop("uuid"))
    assert lines
    for line in lines.values():
        assert re.match(r"\w+=EXPIRED; Path=/; Expires=", line)
        assert line.endswith("; Secure; HttpOnly")
        assert expires_of(line) < time.time()


def test_the_final_login_sets_every_session_cookie_for_four_days(
    browser: Browser, emulator: RunningEmulator
) -> None:
    account = emulator.control.add_account("青禾读书会")
    emulator.control.scan_and_confirm(browser.started(), account="青禾读书会")
    before = time.time()
    lines = set_cookie_lines(browser.finish())
    values = {name: line.split(";")[0].partition("=")[2] for name, line in lines.items()}

    assert values.pop("uuid") == "EXPIRED"
    assert expires_of(lines.pop("uuid")) < before
    assert re.fullmatch(r"[A-Za-z0-9+/]{192}", values["slave_sid"])
    assert re.fullmatch(r"[A-Za-z0-9+/]{64}", values["data_ticket"])
    assert values["slave_user"] == account.original_id
    assert {values[name] for name in ("bizuin", "slave_bizuin", "data_bizuin")} == {str(account.bizuin)}
    assert {"rand_info", "xid"} < set(values)
    for line in lines.values():
        assert line.endswith("; Secure; HttpOnly")
        assert "; Path=/; " in line
        assert expires_of(line) == pytest.approx(before + 345_600, abs=5)


def test_the_session_lifetime_is_in_the_cookies_and_at_wechat(
    browser: Browser, emulator: RunningEmulator
) -> None:
    emulator.control.set_knobs(session_lifetime=3600)
    emulator.control.scan_and_confirm(browser.started())
    response = browser.finish()
    assert expires_of(set_cookie_lines(response)["slave_sid"]) == pytest.approx(time.time() + 3600, abs=5)
    token = emulator.control.sessions()[0].token

    emulator.control.advance_clock(3599)
    assert browser.search(token)["base_resp"]["ret"] == 0
    emulator.control.advance_clock(2)
    assert browser.search(token)["base_resp"]["ret"] == 200003
    assert emulator.control.sessions()[0].alive is False


def test_over_plain_http_no_cookie_is_secure_and_a_login_works(
    plain_browser: Browser, plain_emulator: RunningEmulator
) -> None:
    responses = [plain_browser.get("/"), plain_browser.start()]
    plain_emulator.control.scan_and_confirm(plain_browser.qr_url())
    responses.append(plain_browser.finish())

    lines = [line for response in responses for line in set_cookie_lines(response).values()]
    assert len(lines) > 15
    assert not [line for line in lines if "Secure" in line]
    assert all("HttpOnly" in line for line in lines)
    [session] = plain_emulator.control.sessions()
    assert plain_browser.search(session.token)["base_resp"]["ret"] == 0


@pytest.mark.parametrize(
    ("where", "cookie", "body"),
    [("cookie", True, False), ("body", False, True), ("both", True, True), ("neither", False, False)],
)
def test_the_uuid_comes_where_the_knob_says(
    browser: Browser, control: EmulatorControl, where: UuidIn, cookie: bool, body: bool
) -> None:
    control.set_knobs(uuid_in=where)
    response = browser.start()
    assert ("uuid" in set_cookie_lines(response)) is cookie
    assert ("uuid" in response.json()) is body
    assert len(control.logins("created")) == 1


def test_a_cookie_header_is_split_at_the_first_equals_sign() -> None:
    assert parse_cookies("a=b=c==; d=; e; f=1") == {"a": "b=c==", "d": "", "f": "1"}
