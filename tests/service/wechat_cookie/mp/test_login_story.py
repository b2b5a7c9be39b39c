"""A whole login against the emulator, and every answer of each step distinguished."""

import time
import urllib.parse
from typing import Any

import pytest

from deploy.wechat_emulator.running import RunningEmulator
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import UUID_COOKIE, MpCookies
from services.wechat_cookie.mp.statuses import ApprovalOutcome, ScanOutcome
from tests.service.wechat_cookie.mp.conftest import MakeClient
from tests.service.wechat_cookie.mp.steps import confirmed_login, pending_login


def test_a_login_goes_from_the_front_page_to_name_and_avatar(
    either_emulator: RunningEmulator, make_client: MakeClient
) -> None:
    client, phone = make_client(either_emulator.base_url, either_emulator.ca_file), either_emulator.control
    cookies, uuid = pending_login(client)
    # The cookies travel as stored text from call to call, as between replicas.
    cookies = MpCookies.from_json(cookies.to_json())
    assert client.ask(cookies).outcome is ScanOutcome.NOT_SCANNED
    phone.scan(uuid, account="云杉笔记 & Co")
    assert client.ask(cookies).outcome is ScanOutcome.SCANNED_CONFIRM
    phone.confirm(uuid)
    asked = client.ask(cookies)
    assert (asked.outcome, asked.user_category) == (ScanOutcome.CONFIRMED, 2)
    assert asked.cookies is cookies

    login = client.finish_login(cookies)

    session = phone.sessions()[-1]
    assert login.token == session.token
    assert login.cookies.has_session
    assert login.cookies.original_id == session.original_id
    sent = {cookie.name: cookie.value for cookie in login.cookies}
    assert sent.items() >= session.cookies.items()
    assert login.cookies.get(UUID_COOKIE) is None
    profile = client.fetch_profile(login.cookies, login.token, login.home_path)
    assert profile == client.fetch_profile(MpCookies.from_json(login.cookies.to_json()), login.token)
    assert (profile.name, profile.original_id) == ("云杉笔记 & Co", session.original_id)
    assert profile.avatar_url is not None
    assert client.fetch_avatar(profile.avatar_url).content_type == "image/jpeg"
    client.logout(login.cookies, login.token)
    with pytest.raises(errors.SessionInvalidError):
        client.fetch_profile(login.cookies, login.token)


def test_nothing_of_a_login_is_in_the_repr_of_its_results(
    client: MpClient, emulator: RunningEmulator
) -> None:
    cookies, uuid = confirmed_login(client, emulator)
    login = client.finish_login(cookies)
    shown = repr((cookies, client, login, login.cookies))
    for secret in (uuid, login.token, *emulator.control.sessions()[-1].cookies.values()):
        # The original id is public, it is the account's name to programs.
        assert secret not in shown.replace(str(login.cookies.original_id), "")


@pytest.mark.parametrize("uuid_in", ["cookie", "body", "both"])
def test_the_uuid_is_taken_from_cookie_or_body(
    either_emulator: RunningEmulator, make_client: MakeClient, uuid_in: Any
) -> None:
    either_emulator.control.set_knobs(uuid_in=uuid_in)
    client = make_client(either_emulator.base_url, either_emulator.ca_file)
    cookies, uuid = pending_login(client)
    either_emulator.control.scan(uuid)
    assert client.ask(cookies).outcome is ScanOutcome.SCANNED_CONFIRM
    cookie = cookies.get(UUID_COOKIE)
    assert cookie is not None
    is_https = either_emulator.base_url.startswith("https:")
    assert (cookie.path, cookie.secure, cookie.http_only, cookie.expires) == ("/", is_https, True, None)


def test_without_a_uuid_there_is_no_login(client: MpClient, emulator: RunningEmulator) -> None:
    cookies, _ = pending_login(client)
    emulator.control.set_knobs(uuid_in="neither")
    # The uuid of an earlier login is no substitute.
    for before in (MpCookies(), cookies):
        with pytest.raises(errors.NoUuidError):
            client.start_login(before)


@pytest.mark.parametrize(
    ("ret", "error"),
    [(200013, errors.RateLimitedError), (-1, errors.SystemBusyError), (424242, errors.RefusedError)],
)
def test_a_refused_start_is_told_by_its_code(
    client: MpClient, emulator: RunningEmulator, ret: int, error: type[errors.RetError]
) -> None:
    emulator.control.set_knobs(startlogin_ret=ret)
    with pytest.raises(error):
        client.start_login(MpCookies())


def test_a_qr_code_without_a_pending_login_is_an_error(client: MpClient, emulator: RunningEmulator) -> None:
    with pytest.raises(errors.MpError) as failure:
        client.fetch_qr_code(MpCookies())
    assert failure.value.login_failure in {"QR_UNAVAILABLE", "WECHAT_SESSION_INVALID"}


def test_a_new_qr_code_belongs_to_the_same_login(client: MpClient, emulator: RunningEmulator) -> None:
    cookies, uuid = pending_login(client)
    emulator.control.expire(uuid)
    assert client.ask(cookies).outcome is ScanOutcome.EXPIRED
    image, cookies = client.fetch_qr_code(cookies)
    assert image.content_type == "image/jpeg"
    assert client.ask(cookies).outcome is ScanOutcome.NOT_SCANNED
    assert emulator.control.login(uuid).qr_codes == 2


@pytest.mark.parametrize("status", [4, 6])
@pytest.mark.parametrize(
    ("acct_size", "outcome"),
    [
        (0, ScanOutcome.SCANNED_NO_ACCOUNT),
        (1, ScanOutcome.SCANNED_CONFIRM),
        (19, ScanOutcome.SCANNED_CHOOSE),
    ],
)
def test_both_scanned_statuses_are_told_by_the_number_of_accounts(
    client: MpClient, emulator: RunningEmulator, status: Any, acct_size: int, outcome: ScanOutcome
) -> None:
    cookies, uuid = pending_login(client)
    emulator.control.scan(uuid, acct_size=acct_size, status=status)
    assert client.ask(cookies).outcome is outcome


def test_cancelled_and_impossible_logins_are_told_apart(client: MpClient, emulator: RunningEmulator) -> None:
    cookies, uuid = pending_login(client)
    emulator.control.cancel(uuid)
    assert client.ask(cookies).outcome is ScanOutcome.CANCELLED
    cookies, uuid = pending_login(client)
    emulator.control.cannot_login(uuid, binduin=3012345678)
    assert client.ask(cookies).outcome is ScanOutcome.EMAIL_NOT_BOUND
    cookies, uuid = pending_login(client)
    emulator.control.cannot_login(uuid)
    assert client.ask(cookies).outcome is ScanOutcome.LOGIN_FAILED


@pytest.mark.parametrize("status", [7, 99, -1])
def test_an_unknown_status_is_not_scanned(client: MpClient, emulator: RunningEmulator, status: int) -> None:
    cookies, uuid = pending_login(client)
    emulator.control.scan_and_confirm(uuid)
    emulator.control.set_raw_status(uuid, status)
    assert client.ask(cookies).outcome is ScanOutcome.NOT_SCANNED


@pytest.mark.parametrize("ret", [1, 200003, 200040, 424242])
def test_an_error_code_of_a_poll_is_a_dead_login(
    client: MpClient, emulator: RunningEmulator, ret: int
) -> None:
    cookies, _ = pending_login(client)
    emulator.control.set_knobs(ask_ret=ret)
    asked = client.ask(cookies)
    assert asked.outcome is ScanOutcome.BAD_SESSION


@pytest.mark.parametrize(
    ("ret", "error"),
    [(200013, errors.RateLimitedError), (-1, errors.SystemBusyError), (-6, errors.SystemBusyError)],
)
def test_a_passing_error_code_of_a_poll_is_raised(
    client: MpClient, emulator: RunningEmulator, ret: int, error: type[errors.RetError]
) -> None:
    cookies, _ = pending_login(client)
    emulator.control.set_knobs(ask_ret=ret)
    with pytest.raises(error):
        client.ask(cookies)


def test_an_operator_s_login_waits_for_the_administrator(client: MpClient, emulator: RunningEmulator) -> None:
    cookies, uuid = pending_login(client)
    emulator.control.require_approval(uuid)
    emulator.control.scan_and_confirm(uuid)
    assert client.ask(cookies).user_category == 1
    with pytest.raises((errors.NoRedirectError, errors.NeedsVerificationError)):
        client.finish_login(cookies)
    assert client.ask_approval(cookies) is ApprovalOutcome.WAITING
    emulator.control.approve(uuid)
    assert client.ask_approval(cookies) is ApprovalOutcome.APPROVED
    assert client.finish_login(cookies).token


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (2, ApprovalOutcome.REFUSED),
        (3, ApprovalOutcome.TIMED_OUT),
        (4, ApprovalOutcome.WAITING),
        (9, ApprovalOutcome.FAILED),
    ],
)
def test_each_answer_of_the_administrator_is_told_apart(
    client: MpClient, emulator: RunningEmulator, status: int, outcome: ApprovalOutcome
) -> None:
    cookies, uuid = pending_login(client)
    emulator.control.require_approval(uuid)
    emulator.control.scan_and_confirm(uuid)
    emulator.control.set_approval_status(uuid, status)
    assert client.ask_approval(cookies) is outcome


@pytest.mark.parametrize(
    ("final_login", "error"),
    [
        ("no_redirect_url", errors.NoRedirectError),
        ("ret_error", errors.NoRedirectError),
        ("no_token", errors.NeedsVerificationError),
        ("malformed_token", errors.BadTokenError),
        ("html", errors.NotJsonLoginError),
        ("no_set_cookie", errors.NoSessionCookieError),
        ("no_slave_sid", errors.NoSessionCookieError),
    ],
)
def test_each_broken_last_step_is_its_own_error(
    client: MpClient, emulator: RunningEmulator, final_login: Any, error: type[errors.MpError]
) -> None:
    emulator.control.set_knobs(final_login=final_login)
    cookies, _ = confirmed_login(client, emulator)
    with pytest.raises(error) as failure:
        client.finish_login(cookies)
    assert type(failure.value) is error
    assert failure.value.__context__ is None


@pytest.mark.parametrize(
    ("ret", "error", "transient"),
    [
        (200013, errors.RateLimitedError, False),
        (200008, errors.VerifyCodeNeededError, False),
        (200003, errors.NoRedirectError, False),
        (-1, errors.NoRedirectError, True),
    ],
)
def test_a_refused_last_step_says_why(
    client: MpClient, emulator: RunningEmulator, ret: int, error: type[errors.MpError], transient: bool
) -> None:
    emulator.control.set_knobs(final_login="ret_error", final_login_ret=ret)
    cookies, _ = confirmed_login(client, emulator)
    with pytest.raises(error) as failure:
        client.finish_login(cookies)
    assert failure.value.transient is transient


def test_a_login_is_not_finished_before_it_is_confirmed_and_not_twice(
    client: MpClient, emulator: RunningEmulator
) -> None:
    cookies, uuid = pending_login(client)
    with pytest.raises(errors.NoRedirectError):
        client.finish_login(cookies)
    emulator.control.scan_and_confirm(uuid)
    client.finish_login(cookies)
    with pytest.raises(errors.NoRedirectError):
        client.finish_login(cookies)


@pytest.mark.parametrize("home_shape", [1, 2])
def test_name_and_avatar_come_from_either_home_page(
    client: MpClient, emulator: RunningEmulator, home_shape: Any
) -> None:
    emulator.control.set_knobs(home_shape=home_shape)
    cookies, uuid = pending_login(client)
    emulator.control.scan(uuid, account='"A" <&\'\\> 😀')
    emulator.control.confirm(uuid)
    login = client.finish_login(cookies)
    profile = client.fetch_profile(login.cookies, login.token, login.home_path)
    assert profile.name == '"A" <&\'\\> 😀'
    assert profile.avatar_url is not None
    assert profile.original_id == login.cookies.original_id


def test_a_mini_program_is_a_profile_without_a_name(client: MpClient, emulator: RunningEmulator) -> None:
    emulator.control.set_knobs(mini_program=True)
    login = client.finish_login(confirmed_login(client, emulator)[0])
    assert client.fetch_profile(login.cookies, login.token).name == ""


@pytest.mark.parametrize(
    ("home_page", "error"),
    [("logged_out", errors.SessionInvalidError), ("no_script", errors.HomePageUnknownError)],
)
def test_a_home_page_without_an_account_says_which_kind_it_is(
    client: MpClient, emulator: RunningEmulator, home_page: Any, error: type[errors.MpError]
) -> None:
    emulator.control.set_knobs(home_page=home_page)
    login = client.finish_login(confirmed_login(client, emulator)[0])
    with pytest.raises(error):
        client.fetch_profile(login.cookies, login.token, login.home_path)


@pytest.mark.parametrize("avatar_url", ["own", "http", "scheme_relative"])
def test_an_avatar_address_of_any_form_is_made_usable(
    either_emulator: RunningEmulator, make_client: MakeClient, avatar_url: Any
) -> None:
    either_emulator.control.set_knobs(avatar_url=avatar_url)
    client = make_client(either_emulator.base_url, either_emulator.ca_file)
    login = client.finish_login(confirmed_login(client, either_emulator)[0])
    profile = client.fetch_profile(login.cookies, login.token)
    assert profile.avatar_url is not None
    assert profile.avatar_url.startswith(either_emulator.base_url)
    assert client.fetch_avatar(profile.avatar_url).content


@pytest.mark.parametrize(
    ("avatar", "error"),
    [
        ("html", errors.AvatarNotAnImageError),
        ("huge", errors.AnswerTooLargeError),
        ("missing", errors.HttpStatusError),
    ],
)
def test_each_broken_avatar_is_its_own_error(
    client: MpClient, emulator: RunningEmulator, avatar: Any, error: type[errors.MpError]
) -> None:
    emulator.control.set_knobs(avatar=avatar)
    login = client.finish_login(confirmed_login(client, emulator)[0])
    profile = client.fetch_profile(login.cookies, login.token)
    assert profile.avatar_url is not None
    with pytest.raises(error):
        client.fetch_avatar(profile.avatar_url)


def test_a_foreign_avatar_and_a_forged_token_are_refused_without_a_request(
    client: MpClient, emulator: RunningEmulator
) -> None:
    before = emulator.control.counters().requests
    with pytest.raises(errors.AvatarRefusedError):
        client.fetch_avatar("https://evil.example/a.jpg")
    with pytest.raises(errors.BadTokenError):
        client.fetch_profile(MpCookies(), "../../etc")
    with pytest.raises(errors.BadTokenError):
        client.logout(MpCookies(), "1&action=x")
    assert emulator.control.counters().requests == before


def test_the_requests_are_those_of_a_browser(client: MpClient, emulator: RunningEmulator) -> None:
    emulator.control.set_knobs(record_requests=True)
    cookies, _ = confirmed_login(client, emulator)
    client.ask(cookies)
    client.ask_approval(cookies)
    login = client.finish_login(cookies)
    profile = client.fetch_profile(login.cookies, login.token, login.home_path)
    assert profile.avatar_url is not None
    client.fetch_avatar(profile.avatar_url)

    front, start, qr, ask, approval, finish, home, avatar = emulator.control.recorded_requests()

    common = {"token": "", "lang": "zh_CN", "f": "json", "ajax": "1"}
    assert (front.method, front.path, front.cookies) == ("GET", "/", {})
    assert (start.method, start.path, start.query) == ("POST", "/cgi-bin/bizlogin", {"action": "startlogin"})
    assert start.form.pop("sessionid").startswith(str(int(time.time()))[:7])
    assert start.form == {"userlang": "zh_CN", "redirect_url": "", "login_type": "3", **common}
    assert (qr.path, qr.query["action"]) == ("/cgi-bin/scanloginqrcode", "getqrcode")
    assert qr.query["random"].isdigit()
    assert (ask.path, ask.query) == ("/cgi-bin/scanloginqrcode", {"action": "ask", **common})
    assert (approval.path, approval.query) == ("/cgi-bin/loginauth", {"action": "ask", **common})
    assert (finish.method, finish.query) == ("POST", {"action": "login"})
    flags = {"cookie_forbidden": "0", "cookie_cleaned": "0", "plugin_used": "0", "login_type": "3"}
    assert finish.form == {"userlang": "zh_CN", "redirect_url": "", **flags, **common}
    assert home.query == {"t": "home/index", "lang": "zh_CN", "token": login.token}
    host = urllib.parse.urlsplit(emulator.base_url).netloc
    for request in (front, start, qr, ask, approval, finish, home):
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert headers["host"] == host
        assert headers["referer"] == emulator.base_url + "/"
        assert headers["user-agent"].startswith("Mozilla/5.0")
        assert headers["accept-encoding"] == "identity"
        if request.method == "POST":
            assert headers["origin"] == emulator.base_url
            assert headers["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert UUID_COOKIE in ask.cookies
    assert "slave_sid" in home.cookies
    assert avatar.cookies == {}
