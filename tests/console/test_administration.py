"""What administrators do with accounts and codes, and what others do not see."""

import csv
import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.console.tab import Tab
from tests.whole_stack.people import People


@pytest.fixture
def office(tab: Tab, people: People) -> Tab:
    """A tab of the stack's admin."""
    tab.enter(people.admin, "users")
    return tab


def test_others_see_no_administration(tab: Tab, people: People) -> None:
    tab.enter(people.active(), "users")
    expect(tab.heading).to_have_text("首页")
    expect(tab.navigation.get_by_role("link", name="用户")).to_have_count(0)


def test_an_admin_finds_changes_and_deletes_an_account(office: Tab, people: People) -> None:
    person, other = people.pending(), people.pending()
    office.page.reload()
    # Whatever number of accounts other tests leave, the newest come first.
    expect(office.row(other.email)).to_be_visible()
    office.field("按邮箱搜索").fill(person.email[:12].upper())
    expect(office.row(other.email)).to_have_count(0)
    row = office.row(person.email)
    expect(row).to_contain_text("未激活")

    row.get_by_role("button", name="编辑").click()
    office.field("状态").last.select_option("使用中")
    office.field("到期时间").fill("2031-05-06T07:08")
    office.agree("保存")
    expect(row).to_contain_text("使用中")
    expect(row).to_contain_text("2031年5月6日 07:08")
    row.get_by_role("button", name="编辑").click()
    office.field("角色").last.select_option("管理员")
    office.agree("保存")
    expect(row).to_contain_text("管理员")
    # Of an administrator neither status nor end of access counts.
    expect(row.get_by_text("不限期")).to_have_count(2)
    expect(row).not_to_contain_text("使用中")
    account = people.rest("GET", f"/admin/users/{person.id}", people.admin).json()
    assert (account["role"], account["activation_status"]) == ("admin", "active")

    row.get_by_role("button", name="删除").click()
    expect(office.dialog).to_contain_text("无法恢复")
    office.agree("删除")
    expect(row).to_have_count(0)
    assert people.rest("GET", f"/admin/users/{person.id}", people.admin).status_code == 404


def test_an_admin_filters_by_role_and_status(office: Tab, people: People) -> None:
    active, pending = people.active(), people.pending()
    office.page.reload()
    office.field("状态").select_option("使用中")
    expect(office.row(active.email)).to_be_visible()
    expect(office.row(pending.email)).to_have_count(0)
    office.field("角色").select_option("管理员")
    expect(office.row(active.email)).to_have_count(0)


def test_an_admin_makes_an_account(office: Tab, people: People) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    office.button("新建用户").click()
    office.dialog.get_by_label("邮箱").fill(people.admin.email)
    office.dialog.get_by_label("密码").fill("a new password")
    office.agree("新建用户")
    # A refusal stays in the dialog, where it can be put right.
    expect(office.dialog).to_contain_text("该邮箱已注册")
    office.dialog.get_by_label("邮箱").fill(email)
    office.agree("新建用户")
    expect(office.row(email)).to_contain_text("普通用户")


def test_the_last_admin_stays_one(office: Tab, people: People) -> None:
    office.field("按邮箱搜索").fill(people.admin.email)
    row = office.row(people.admin.email)
    expect(row.get_by_role("button", name="删除")).to_have_count(0)
    row.get_by_role("button", name="编辑").click()
    office.field("角色").last.select_option("普通用户")
    office.agree("保存")
    expect(office.dialog).to_contain_text("这是最后一位管理员")


def test_an_admin_generates_copies_filters_revokes_and_exports_codes(
    office: Tab, people: People, tmp_path: Path
) -> None:
    office.context.grant_permissions(["clipboard-read", "clipboard-write"])
    clipboard = "navigator.clipboard.readText()"
    office.show("codes")
    office.button("生成激活码").click()
    office.dialog.get_by_label("天数").fill("0")
    office.agree("生成激活码")
    expect(office.dialog).to_contain_text("1 到 3650 天")
    office.dialog.get_by_label("天数").fill("7")
    office.dialog.get_by_label("数量").fill("3")
    office.agree("生成激活码")
    made = office.page.get_by_label("新生成的激活码").input_value().split("\n")
    assert len(made) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", code) for code in made)
    office.agree("全部复制")
    assert office.page.evaluate(clipboard) == "\n".join(made)
    office.agree("关闭")

    used, revoked, _ = made
    person = people.pending()
    people.rest("POST", "/activation/activate", person, json={"activation_code": used})
    row = office.row(revoked)
    row.get_by_role("button", name="复制").click()
    office.until(lambda: bool(office.page.evaluate(clipboard) == revoked))
    row.get_by_role("button", name="作废").click()
    office.agree("作废")
    expect(row).to_contain_text("已作废")

    office.field("按使用者邮箱搜索").fill(person.email)
    expect(office.row(revoked)).to_have_count(0)
    expect(office.row(used)).to_contain_text("使用中")
    with office.page.expect_download() as download:
        office.button("导出 CSV").click()
    assert download.value.suggested_filename == "activation_codes.csv"
    download.value.save_as(tmp_path / "codes.csv")
    with (tmp_path / "codes.csv").open(encoding="utf-8-sig") as file:
        exported = list(csv.DictReader(file))
    assert [(row["activation_code"], row["user_email"]) for row in exported] == [(used, person.email)]


def test_long_lists_come_in_pages(office: Tab, people: People) -> None:
    codes = people.codes(45, valid_days=3)
    office.show("codes")
    pages = office.page.get_by_role("navigation", name="分页")
    expect(pages).to_contain_text("第 1 /")
    seen = shown(office)
    assert len(seen) == 20
    for page in (2, 3):
        pages.get_by_role("button", name="下一页").click()
        expect(pages).to_contain_text(f"第 {page} /")
        seen += shown(office)
    assert set(codes) <= set(seen)
    assert len(seen) == len(set(seen))
    pages.get_by_role("button", name="上一页").click()
    expect(pages).to_contain_text("第 2 /")
    assert shown(office) == seen[20:40]


def shown(office: Tab) -> list[str]:
    """The codes of the page."""
    return office.page.locator("td code").all_inner_texts()


def test_the_overview_shows_what_each_service_answers(office: Tab, people: People) -> None:
    people.active()
    office.context.route("**/cookie/overview", lambda route: route.abort())
    office.show("overview")
    accounts = office.page.get_by_role("region", name="账户")
    answer = people.rest("GET", "/admin/overview", people.admin).json()
    expect(accounts.locator(".count").filter(has_text="使用中")).to_contain_text(
        f"{answer['accounts']['active']:,}"
    )
    expect(accounts.get_by_role("img", name="最近 30 天登录次数")).to_be_visible()
    assert accounts.locator(".chart-bar").count() == 30
    assert answer["sign_ins"][-1]["count"] > 0
    cookies = office.page.get_by_role("region", name="公众号登录")
    expect(cookies.get_by_role("alert")).to_contain_text("无法连接服务器")
    office.context.unroute("**/cookie/overview")
    cookies.get_by_role("button", name="重试").click()
    expect(cookies.get_by_role("img", name="按剩余时间")).to_be_visible()
