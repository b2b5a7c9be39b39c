"""Searches and lists of articles with a session of the emulated WeChat."""

import json
from collections.abc import Callable

import pytest

from deploy.wechat_emulator.fault_spec import Fault
from deploy.wechat_emulator.running import RunningEmulator
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import MpCookies
from tests.service.wechat_cookie.mp.steps import confirmed_login

SEARCH = "/cgi-bin/searchbiz?action=search_biz"
ARTICLES = "/cgi-bin/appmsgpublish"
Call = Callable[[MpClient, MpCookies, str], object]


def search(client: MpClient, cookies: MpCookies, token: str) -> object:
    return client.search_accounts(cookies, token, "读书", 0, 5)


def articles(client: MpClient, cookies: MpCookies, token: str) -> object:
    return client.list_articles(cookies, token, "bm9ib2R5", 0, 5)


def session(client: MpClient, emulator: RunningEmulator) -> tuple[MpCookies, str]:
    cookies, _ = confirmed_login(client, emulator)
    login = client.finish_login(cookies)
    return login.cookies, login.token


def test_accounts_are_found_and_their_articles_paged_by_messages(
    client: MpClient, emulator: RunningEmulator
) -> None:
    emulator.control.add_account("山茶 & 花", messages=45)
    emulator.control.add_namesake("山茶 & 花")
    emulator.control.set_knobs(search_highlights=True, record_requests=True)
    cookies, token = session(client, emulator)
    found = client.search_accounts(cookies, token, "山茶", 0, 20)
    assert [account.name for account in found.accounts] == ["山茶 & “晚风”日报", "山茶 & 花", "山茶 & 花"]
    assert found.total == 3
    fakeid = found.accounts[1].fakeid
    pages = [client.list_articles(cookies, token, fakeid, begin, 20) for begin in (0, 20, 40, 60)]
    assert [page.messages for page in pages] == [20, 20, 5, 0]
    assert {page.total_messages for page in pages} == {45}
    listed = [article for page in pages for article in page.articles]
    assert len({article.aid for article in listed}) == len(listed) > 45
    assert [one.publish_time for one in listed] == sorted((one.publish_time for one in listed), reverse=True)
    assert any("<其他>" in article.title and "<em" not in article.title for article in listed)
    [recorded] = [one for one in emulator.control.recorded_requests() if one.path == "/cgi-bin/searchbiz"]
    assert recorded.query["lang"] == "zh_CN"
    assert recorded.headers["Referer"] == f"{emulator.base_url}/"


@pytest.mark.parametrize("call", [search, articles])
def test_an_ended_session_and_a_foreign_token_are_told_apart(
    client: MpClient, emulator: RunningEmulator, call: Call
) -> None:
    cookies, token = session(client, emulator)
    with pytest.raises(errors.CsrfTokenInvalidError):
        call(client, cookies, "1" + token)
    emulator.control.kill_session(token)
    with pytest.raises(errors.SessionInvalidError):
        call(client, cookies, token)
    with pytest.raises(errors.BadTokenError):
        call(client, cookies, "1; x")


def test_wechat_refuses_by_its_own_codes(client: MpClient, emulator: RunningEmulator) -> None:
    cookies, token = session(client, emulator)
    with pytest.raises(errors.ArgumentsInvalidError):
        articles(client, cookies, token)
    emulator.control.set_knobs(freq_control_after=0)
    with pytest.raises(errors.RateLimitedError):
        search(client, cookies, token)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(SEARCH, "drop"), errors.DroppedError),
        (Fault(SEARCH, "status", status=502), errors.HttpStatusError),
        (Fault(SEARCH, "html"), errors.BadAnswerError),
        (Fault(SEARCH, "huge"), errors.AnswerTooLargeError),
        (Fault(SEARCH, "deep_json", size=1_000_000), errors.BadAnswerError),
        (Fault(SEARCH, "gzip_bomb"), errors.BadAnswerError),
        (Fault(SEARCH, "answer", body=json.dumps({"base_resp": {"ret": 0}})), errors.BadAnswerError),
    ],
)
def test_hostile_answers_are_bounded(
    client: MpClient, emulator: RunningEmulator, fault: Fault, error: type[errors.MpError]
) -> None:
    cookies, token = session(client, emulator)
    emulator.control.add_fault(fault)
    with pytest.raises(error):
        search(client, cookies, token)
