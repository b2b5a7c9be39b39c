"""Codes as goods: what redeeming one would destroy is asked first; batches; thousands of codes can be handled."""

import datetime
import secrets
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.tab import Tab
from tests.whole_stack.people import People


@pytest.fixture
def office(tab: Tab, people: People) -> Tab:
    """A tab of the stack's admin, at the codes."""
    tab.enter(people.admin, "codes")
    return tab


def generate(people: People, **terms: object) -> dict[str, Any]:
    body = {"valid_days": 30, "count": 1, **terms}
    made: dict[str, Any] = people.rest("POST", "/activation/generate", people.admin, json=body).json()
    return made


def expired_time(people: People, person: Any) -> datetime.datetime:
    account = people.rest("GET", "/auth/me", person).json()
    return datetime.datetime.fromisoformat(account["expired_time"])


def test_a_loss_of_days_is_asked_first(tab: Tab, people: People) -> None:
    person = people.active()
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1129)
    people.update(person, expired_time=until.isoformat())
    from_now = generate(people)["codes"][0]["activation_code"]
    added = generate(people, days_from="expiry")["codes"][0]["activation_code"]
    tab.enter(person)

    tab.field("激活码").fill(from_now)
    tab.button("兑换").click()
    expect(tab.dialog).to_contain_text("将失去 1099 天")
    tab.agree("取消")
    assert expired_time(people, person) == until

    tab.field("激活码").fill(added)
    tab.button("兑换").click()
    expect(tab.page.get_by_text("兑换成功")).to_be_visible()
    assert expired_time(people, person) == until + datetime.timedelta(days=30)

    tab.field("激活码").fill(from_now)
    tab.button("兑换").click()
    tab.agree("仍要兑换")
    expect(tab.dialog).to_have_count(0)
    tab.until(lambda: expired_time(people, person) < until)


def test_a_batch_is_made_found_and_revoked(office: Tab, people: People) -> None:
    note = f"给张三 {secrets.token_hex(4)}"
    office.button("生成激活码").click()
    office.dialog.get_by_label("数量").fill("3")
    office.dialog.get_by_label("有效期从何时算起").select_option("接在剩余天数之后")
    office.dialog.get_by_label("兑换截止").fill("2031-05-06T07:08")
    office.dialog.get_by_label("备注").fill(note)
    office.agree("生成激活码")
    expect(office.dialog).to_contain_text("已生成 3 个激活码")
    office.agree("关闭")

    row = office.row(note).first
    expect(row).to_contain_text("30（累加）")
    expect(row).to_contain_text("2031年5月6日 07:08")
    office.page.get_by_role("link", name="批次", exact=True).click()
    batch = office.row(note)
    expect(batch).to_contain_text(people.admin.email)
    batch.get_by_role("link", name=note).click()
    expect(office.page.get_by_text("共 3 个激活码")).to_be_visible()

    office.page.go_back()
    batch.get_by_role("button", name="作废批次").click()
    expect(office.dialog).to_contain_text("未使用的 3 个激活码")
    office.agree("作废")
    expect(batch.get_by_role("button", name="作废批次")).to_have_count(0)
    batch.get_by_role("link", name=note).click()
    expect(office.row("已作废")).to_have_count(3)


def test_a_code_is_found_by_its_text_and_back_restores_what_was_shown(office: Tab, people: People) -> None:
    made = generate(people, count=45)
    wanted = made["codes"][30]["activation_code"]
    office.page.evaluate("batch => { location.hash = `#/codes?batch_id=${batch}` }", made["batch_id"])
    pages = office.page.get_by_role("navigation", name="分页")
    expect(pages).to_contain_text("第 1 / 3")

    pages.get_by_label("页码").fill("3")
    pages.get_by_role("button", name="跳转").click()
    expect(pages).to_contain_text("第 3 / 3")
    expect(office.page.locator("td code")).to_have_count(5)
    office.page.reload()
    expect(pages).to_contain_text("第 3 / 3")

    office.field("按激活码搜索").fill(wanted[5:15].upper())
    expect(office.page.locator("td code")).to_have_text([wanted])
    office.page.go_back()
    expect(pages).to_contain_text("第 3 / 3")
    expect(office.field("按激活码搜索")).to_have_value("")
    office.page.go_forward()
    expect(office.page.locator("td code")).to_have_text([wanted])
    expect(office.field("按激活码搜索")).to_have_value(wanted[5:15].upper())
