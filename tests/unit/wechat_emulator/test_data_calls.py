import json
from typing import Any

import pytest

from deploy.wechat_emulator.running import RunningEmulator
from tests.unit.wechat_emulator.browser import Browser

ARTICLE_KEYS = {
    "aid",
    "appmsgid",
    "title",
    "link",
    "cover",
    "digest",
    "create_time",
    "update_time",
    "itemidx",
    "item_show_type",
    "is_deleted",
}


def messages(answer: dict[str, Any]) -> list[str]:
    return [item["publish_info"] for item in json.loads(answer["publish_page"])["publish_list"]]


@pytest.fixture
def token(browser: Browser, emulator: RunningEmulator) -> str:
    return browser.log_in(emulator, account="小城菜谱")


def test_search_finds_accounts_by_a_part_of_the_name(browser: Browser, token: str) -> None:
    answer = browser.search(token, "读书")
    assert answer["base_resp"]["ret"] == 0
    assert answer["total"] == 1
    [item] = answer["list"]
    assert item["nickname"] == "青禾读书会"
    assert set(item) == {
        "fakeid",
        "nickname",
        "alias",
        "round_head_img",
        "service_type",
        "signature",
        "verify_status",
    }


def test_search_pages(browser: Browser, emulator: RunningEmulator, token: str) -> None:
    for number in range(7):
        emulator.control.add_account(f"翻页测试{number}")
    first = browser.search(token, "翻页测试")
    second = browser.search(token, "翻页测试", begin="5")
    assert (first["total"], len(first["list"]), len(second["list"])) == (7, 5, 2)


def test_publish_page_is_json_in_json_and_counts_messages(browser: Browser, token: str) -> None:
    fakeid = browser.search(token, "读书")["list"][0]["fakeid"]
    page = messages(browser.articles(token, fakeid, begin=0, count=10))
    assert len(page) == 10
    assert "" in page
    articles = [json.loads(info)["appmsgex"] for info in page if info]
    assert {len(message) for message in articles} > {1}
    assert all(set(article) == ARTICLE_KEYS for message in articles for article in message)
    assert messages(browser.articles(token, fakeid, begin=3, count=2)) == page[3:5]
    assert messages(browser.articles(token, fakeid, begin=1000)) == []


@pytest.mark.parametrize(("fakeid", "count"), [("bm9ib2R5", 5), (None, 21), (None, 0)])
def test_bad_arguments_of_articles_are_invalid(
    browser: Browser, token: str, fakeid: str | None, count: int
) -> None:
    known = browser.search(token, "读书")["list"][0]["fakeid"]
    answer = browser.articles(token, fakeid or known, count=count)
    assert answer == {"base_resp": {"err_msg": "invalid args", "ret": 200002}}


def test_after_n_data_calls_come_freq_controls(
    browser: Browser, emulator: RunningEmulator, token: str
) -> None:
    emulator.control.set_knobs(freq_control_after=2)
    rets = [browser.search(token)["base_resp"]["ret"] for _ in range(4)]
    assert rets == [0, 0, 200013, 200013]


def test_a_killed_session_answers_200003_and_no_list(
    browser: Browser, emulator: RunningEmulator, token: str
) -> None:
    emulator.control.kill_session(token)
    assert browser.search(token) == {"base_resp": {"err_msg": "invalid session", "ret": 200003}}


def test_a_session_dies_after_n_data_calls(browser: Browser, emulator: RunningEmulator, token: str) -> None:
    emulator.control.set_knobs(session_dies_after=1)
    assert [browser.search(token)["base_resp"]["ret"] for _ in range(3)] == [0, 200003, 200003]
    assert not emulator.control.sessions()[-1].alive


def test_two_accounts_may_have_the_same_name(browser: Browser, emulator: RunningEmulator, token: str) -> None:
    other = emulator.control.add_namesake("青禾读书会")
    found = browser.search(token, "青禾读书会")["list"]
    assert [item["nickname"] for item in found] == ["青禾读书会"] * 2
    assert len({item["fakeid"] for item in found}) == 2
    assert [item["nickname"] for item in browser.search(token, other.alias)["list"]] == ["青禾读书会"]


def test_found_names_may_be_marked_as_html(browser: Browser, emulator: RunningEmulator, token: str) -> None:
    emulator.control.set_knobs(search_highlights=True)
    [item] = browser.search(token, "“晚风”")["list"]
    assert item["nickname"] == '山茶 &amp; <em class="highlight">“晚风”</em>日报'


def test_a_large_account_has_thousands_of_articles_and_publishes_new_ones(
    browser: Browser, emulator: RunningEmulator, token: str
) -> None:
    account = emulator.control.add_account("五千篇", messages=2500)
    fakeid = browser.search(token, "五千篇")["list"][0]["fakeid"]
    first = messages(browser.articles(token, fakeid, count=20))
    everything = [
        article
        for begin in range(0, 2500, 20)
        for info in messages(browser.articles(token, fakeid, begin=begin, count=20))
        if info
        for article in json.loads(info)["appmsgex"]
    ]
    assert 4000 < len(everything) < 5000
    assert len({article["aid"] for article in everything}) == len(everything)
    times = [article["create_time"] for article in everything]
    assert times == sorted(times, reverse=True)
    assert {article["is_deleted"] for article in everything} == {True, False}
    assert any("<em" in article["title"] for article in everything)
    emulator.control.publish(account.original_id, 2)
    assert messages(browser.articles(token, fakeid, begin=2, count=18)) == first[:18]
