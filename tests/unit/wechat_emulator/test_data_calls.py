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
