"""What the pages say to a person who does not know what to do next, or has to wait."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Route, expect

from tests.console.tab import Tab
from tests.whole_stack.people import People

LISTS = re.compile(r"/(admin/users|activation/list|admin/audit|cookie/list)(\?|$)")
TO_REDEEM = "去兑换激活码"
THROTTLED = """{"code": 8, "message": "太多了", "details": [
  {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SIGN_IN_THROTTLED", "domain": "fastmp"},
  {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "%ss"}]}"""


@pytest.mark.parametrize("page", ["scan", "cookies", "profile"])
def test_an_account_without_access_finds_the_way_to_redeem_a_code(
    tab: Tab, people: People, page: str
) -> None:
    tab.enter(people.pending(), page)
    tab.page.get_by_role("main").get_by_role("link", name=TO_REDEEM).click()
    expect(tab.field("激活码")).to_be_visible()


def test_an_account_that_loses_its_access_finds_it_too(tab: Tab, people: People) -> None:
    person = people.active()
    tab.enter(person, "scan")
    people.update(person, activation_status="expired")
    tab.button("开始扫码").click()
    tab.page.get_by_role("main").get_by_role("link", name=TO_REDEEM).click()
    expect(tab.field("激活码")).to_be_visible()


@pytest.mark.parametrize(("seconds", "words"), [(870, "请在 15分钟后重试"), (20, "请在 20秒钟后重试")])
def test_a_long_wait_is_in_minutes(tab: Tab, seconds: int, words: str) -> None:
    tab.context.route(
        "**/auth/login",
        lambda route: route.fulfill(status=429, body=THROTTLED % seconds, content_type="application/json"),
    )
    tab.field("邮箱").fill("someone@example.com")
    tab.field("密码").fill("not the password")
    tab.button("登录").click()
    expect(tab.alert).to_contain_text(words)


def test_staying_signed_in_is_explained(tab: Tab) -> None:
    expect(
        tab.page.get_by_text("勾选后，关闭浏览器也保持登录，一般为一天；不勾选，关闭标签页就会退出")
    ).to_be_visible()


def test_a_suspended_account_is_not_sent_to_redeem_a_code(tab: Tab, people: People) -> None:
    person = people.active()
    people.update(person, activation_status="revoked")
    tab.enter(person, "profile")
    expect(tab.page.get_by_role("region", name="账户信息")).to_contain_text("已停用")
    expect(tab.page.get_by_role("link", name=TO_REDEEM)).to_have_count(0)


def test_an_administrator_is_shown_as_unlimited(tab: Tab, people: People) -> None:
    tab.enter(people.admin, "profile")
    account = tab.page.get_by_role("region", name="账户信息")
    expect(account).to_contain_text("不限期")
    expect(account).not_to_contain_text("未激活")


@pytest.mark.parametrize("page", ["users", "codes", "audit", "cookies"])
def test_loading_is_shown(tab: Tab, people: People, page: str) -> None:
    waiting: list[Route] = []
    tab.enter(people.admin)

    def hold(route: Route) -> None:
        waiting.append(route)

    tab.context.route(LISTS, hold)
    tab.show(page)
    loading = tab.page.get_by_role("main").get_by_text("正在加载")
    expect(loading.first).to_be_visible()
    for route in waiting:
        route.continue_()
    expect(loading).to_have_count(0)


@pytest.mark.parametrize(
    ("page", "words"),
    [("users", "或新建用户"), ("codes", "或生成激活码"), ("audit", "请检查拼写，或清空筛选条件")],
)
def test_an_empty_list_says_what_to_do(tab: Tab, people: People, page: str, words: str) -> None:
    tab.enter(people.admin, page)
    tab.page.locator(".filters input").first.fill("no-such@example.com")
    expect(tab.page.locator(".empty")).to_contain_text(words)


def test_a_person_with_one_phone_can_save_the_code(
    open_tab: Callable[..., Tab], people: People, tmp_path: Path
) -> None:
    phone, desk = open_tab(viewport={"width": 390, "height": 844}), open_tab()
    person = people.active()
    phone.enter(person)
    login = phone.start_scan()
    expect(phone.page.get_by_text("长按图片识别二维码")).to_be_visible()
    with phone.page.expect_download() as download:
        phone.button("保存图片").click()
    download.value.save_as(tmp_path / "code.jpg")
    read = zxingcpp.read_barcode(Image.open(tmp_path / "code.jpg"))
    assert read is not None
    assert read.text == login
    desk.enter(person)
    desk.start_scan()
    expect(desk.page.get_by_text("长按图片识别二维码")).to_be_hidden()


@pytest.mark.parametrize("page", ["cookies", "home"])
def test_a_login_that_died_says_why_and_leads_to_a_scan(tab: Tab, people: People, page: str) -> None:
    cookie = {
        "id": "1",
        "token": "1001",
        "name": "读书会",
        "is_current": True,
        "created_time": "2026-01-02T03:04:05Z",
        "expire_time": "2099-01-05T19:04:05Z",
        "health": "dead",
        "health_reason": "RET_200003",
        "health_time": "2026-01-03T03:04:05Z",
        "health_message": "微信已结束该登录，请重新扫码登录",
    }
    body = json.dumps({"items": [cookie]})
    tab.context.route(
        "**/cookie/list", lambda route: route.fulfill(body=body, content_type="application/json")
    )
    tab.enter(people.active(), page)
    main = tab.page.get_by_role("main")
    expect(main).to_contain_text("微信已结束该登录，请重新扫码登录")
    expect(main).to_contain_text("自 2026")
    main.get_by_role("link", name="重新扫码").click()
    expect(tab.button("开始扫码")).to_be_visible()
