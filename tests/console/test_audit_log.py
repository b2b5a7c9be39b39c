"""What administrators see of the audit logs, and how they hear whether one was tampered with."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Locator, expect

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.console.tab import Tab
from tests.console.test_policy import words
from tests.whole_stack.people import PASSWORD, People, Person

SERVICES = Path(__file__).parents[2] / "services"


@pytest.fixture
def office(tab: Tab, people: People) -> Tab:
    """A tab of the stack's admin at the audit log."""
    tab.enter(people.admin, "audit")
    return tab


def entries(office: Tab) -> Locator:
    return office.page.locator("tbody tr")


def wait_until_sealed(office: Tab, people: People, path: str) -> str:
    """The position of the newest entry, once it has one."""
    found: list[str] = []

    def is_sealed() -> bool:
        newest = people.rest("GET", path, people.admin, params={"size": 1}).json()["items"][0]
        found.append(newest["position"])
        return found[-1] != "0"

    office.until(is_sealed)
    return found[-1]


def test_others_do_not_see_it(tab: Tab, people: People) -> None:
    tab.enter(people.active(), "audit")
    expect(tab.heading).to_have_text("首页")
    expect(tab.navigation.get_by_role("link", name="审计")).to_have_count(0)


def test_each_services_log_tells_who_did_what_in_words(office: Tab, people: People) -> None:
    person = people.pending()
    people.rest("POST", "/auth/login", json={"email": person.email, "password": "not the password"})
    people.update(person, role="admin", expired_time="2031-05-06T07:08:09Z")
    people.rest("POST", "/activation/activate", person, json={"activation_code": people.codes(1)[0]})
    office.page.reload()
    office.field("对象名称").fill(person.id)
    expect(entries(office)).to_have_count(4)
    actions = ["账户激活", "修改账户", "登录", "新建账户"]
    expect(entries(office).locator("td:first-child .strong")).to_have_text(actions)
    changed = office.row("修改账户")
    expect(changed).to_contain_text(people.admin.email)
    expect(changed).to_contain_text("角色：管理员")
    expect(changed).to_contain_text("到期时间：2031年5月6日 07:08")
    expect(changed).to_contain_text("127.0.0.1")
    expect(entries(office).nth(2)).to_contain_text("邮箱或密码不正确")

    office.field("日志").select_option("激活码")
    office.field("对象名称").fill("")
    office.field("操作").select_option("兑换激活码")
    redeemed = office.row(person.email)
    expect(redeemed).to_contain_text("兑换激活码")
    office.field("日志").select_option("公众号登录")
    expect(office.row(person.email)).to_have_count(0)


def test_one_click_leaves_only_what_one_person_did(office: Tab, people: People) -> None:
    person = people.pending()
    people.rest("POST", "/auth/login", json={"email": person.email, "password": PASSWORD})
    office.page.reload()
    office.page.get_by_role("button", name=f"只看 {person.email} 的操作").first.click()
    # Where the keyboard goes on, for the button is no longer there.
    expect(office.field("操作者邮箱")).to_be_focused()
    expect(office.field("操作者邮箱")).to_have_value(person.email)
    expect(entries(office).first).to_contain_text("本人")
    expect(office.row(people.admin.email)).to_have_count(0)
    office.field("操作").select_option("修改密码")
    expect(office.page.get_by_text("没有符合条件的记录")).to_be_visible()


def test_filters_take_emails_codes_and_official_accounts(
    office: Tab, people: People, wechat: EmulatorControl
) -> None:
    person, other = people.pending(), people.pending()
    code = people.codes(1)[0]
    people.rest("POST", "/activation/activate", person, json={"activation_code": code})
    for name in ("第一家", "第二家"):
        started = people.rest("GET", "/cookie/get", person).json()
        wechat.scan_and_confirm(wechat.pending_logins()[-1].uuid, account=name)
        office.until(partial(has_ended, people, person, started["login_key"]))
    first = people.rest("GET", "/cookie/list", person).json()["items"][1]["token"]
    people.rest("POST", "/cookie/change", person, json={"token": first})

    office.field("对象名称").fill(person.email.upper())
    actions = entries(office).locator("td:first-child .strong")
    expect(actions).to_have_text(["账户激活", "新建账户"])
    office.field("对象名称").fill("@example.com")
    expect(office.page.get_by_text("请填写完整的邮箱")).to_be_visible()
    office.field("对象名称").fill("no-such@example.com")
    expect(office.page.get_by_text("没有邮箱含有 no-such@example.com 的账户")).to_be_visible()
    office.field("对象名称").fill("")
    office.field("操作者邮箱").fill(other.email[:12])
    expect(office.page.get_by_text("没有符合条件的记录")).to_be_visible()
    office.field("操作者邮箱").fill("")

    office.field("日志").select_option("激活码")
    office.field("对象名称").fill(code)
    expect(actions).to_have_text(["兑换激活码"])
    office.field("日志").select_option("公众号登录")
    office.field("对象名称").fill("第一家")
    expect(actions).to_have_text(["切换当前公众号"])
    office.field("对象名称").fill("第二家")
    expect(office.page.get_by_text("没有符合条件的记录")).to_be_visible()


def has_ended(people: People, person: Person, login_key: str) -> bool:
    answer = people.rest("GET", "/cookie/poll", person, params={"login_key": login_key})
    return bool(answer.json()["status"] == "success")


def test_a_log_comes_in_pages_without_a_count(office: Tab, people: People) -> None:
    for _ in range(21):
        people.codes(1)
    office.field("日志").select_option("激活码")
    with office.page.expect_response(lambda answer: "action=codes_generated" in answer.url):
        office.field("操作").select_option("生成激活码")
    pages = office.page.get_by_role("navigation", name="分页")
    expect(pages).to_contain_text("第 1 页")
    expect(entries(office).filter(has_text="生成激活码")).to_have_count(20)
    ids = entries(office).locator("code")
    first = ids.all_inner_texts()
    pages.get_by_role("button", name="下一页").click()
    expect(pages).to_contain_text("第 2 页")
    expect(ids.first).not_to_have_text(first[0])
    assert not set(first) & set(ids.all_inner_texts())
    pages.get_by_role("button", name="上一页").click()
    expect(pages).to_contain_text("第 1 页")
    expect(ids).to_have_text(first)


def test_a_whole_log_is_called_whole(office: Tab, people: People) -> None:
    wait_until_sealed(office, people, "/admin/audit")
    office.button("校验完整性").click()
    verdict = office.page.get_by_text("日志完整：已校验全部")
    expect(verdict).to_be_focused()
    # It says nothing about another log.
    office.field("日志").select_option("激活码")
    expect(verdict).to_have_count(0)


def test_a_changed_entry_is_named(office: Tab, people: People, stack: LocalStack) -> None:
    people.codes(1)
    position = wait_until_sealed(office, people, "/admin/audit/activation")
    office.field("日志").select_option("激活码")
    with tampered(stack.database_url("activation"), position):
        office.button("校验完整性").click()
        expect(office.alert).to_contain_text(f"日志不完整：第 {position} 条记录被改动过")
        expect(office.alert).to_contain_text("请不要再相信这之后的记录")
    office.button("校验完整性").click()
    expect(office.page.get_by_text("日志完整")).to_be_visible()


@contextmanager
def tampered(database_url: str, position: str) -> Iterator[None]:
    """The log while the outcome of one entry is another than the one that was sealed."""

    def write(outcome: str) -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
            connection.execute("UPDATE audit_log SET outcome = %s WHERE position = %s", (outcome, position))
            connection.execute("ALTER TABLE audit_log ENABLE TRIGGER USER")

    write("FORGED")
    try:
        yield
    finally:
        write("ok")


def test_everything_that_the_services_record_has_words_and_can_be_asked_for() -> None:
    view = (SERVICES.parent / "gateway" / "console" / "views" / "audit.js").read_text("utf-8")
    offered = {
        service: set(re.findall(r'"(\w+)"', actions))
        for service, actions in re.findall(r"(\w+): \{\s+path: [^[]*actions: \[([^]]*)\]", view)
    }
    recorded = {
        service: {
            action
            for path in (SERVICES / service).rglob("*.py")
            for action in re.findall(
                r'\b(?:Event\(\s*|action(?:: str)? ?= ?)"(\w+)"', path.read_text("utf-8")
            )
        }
        for service in offered
    }
    assert offered == recorded
    assert len(offered) == 4
    assert {f"audit_action.{action}" for actions in offered.values() for action in actions} <= words(
        "zh"
    ).keys()
