"""Signing in and out, and what stays in the browser."""

import io
import re
import secrets
from collections.abc import Callable

import pyotp
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from tests.console.tab import Tab
from tests.whole_stack.people import PASSWORD, People

KEPT = "Object.values({...localStorage}).concat(Object.values({...sessionStorage}))"


def sign_in(tab: Tab, email: str, password: str = PASSWORD) -> None:
    tab.field("邮箱").fill(email)
    tab.field("密码").fill(password)
    tab.button("登录").click()


def token_of(tab: Tab) -> dict[str, str]:
    """The headers of a call with the tab's own token."""
    expect(tab.navigation).to_be_visible()
    return {"Authorization": "Bearer " + tab.page.evaluate("sessionStorage.getItem('fastmp.token')")}


def test_the_keyboard_alone_signs_in_and_reaches_every_page(tab: Tab, people: People) -> None:
    person = people.active()
    keyboard = tab.page.keyboard
    for _ in range(4):
        # Past the skip link, the language and the colours.
        keyboard.press("Tab")
    expect(tab.field("邮箱")).to_be_focused()
    keyboard.type(person.email)
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    expect(tab.heading).to_be_focused()
    expect(tab.heading).to_have_text("首页")
    for name in ("扫码", "公众号", "账户"):
        tab.navigation.get_by_role("link", name=name).focus()
        keyboard.press("Enter")
        expect(tab.heading).to_be_focused()
        expect(tab.navigation.locator("[aria-current=page]")).to_have_text(name)


def test_the_skip_link_leads_past_the_navigation(tab: Tab, people: People) -> None:
    tab.enter(people.active())
    tab.page.keyboard.press("Tab")
    expect(tab.page.get_by_role("link", name="跳到正文")).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("main")).to_be_focused()
    expect(tab.heading).to_have_text("首页")


def test_a_token_is_kept_for_the_tab_only(tab: Tab, people: People) -> None:
    sign_in(tab, people.active().email)
    expect(tab.navigation).to_be_visible()
    assert tab.page.evaluate("localStorage.length") == 0
    assert tab.page.evaluate("document.cookie") == ""
    tab.page.reload()
    expect(tab.navigation).to_be_visible()
    another = tab.context.new_page()
    another.goto(tab.url)
    expect(another.get_by_role("button", name="登录", exact=True)).to_be_visible()


def test_a_token_outlives_the_tab_if_the_person_asks_for_it_until_the_sign_out(
    tab: Tab, people: People
) -> None:
    tab.field("在此设备上保持登录").check()
    sign_in(tab, people.active().email)
    expect(tab.navigation).to_be_visible()
    another = tab.context.new_page()
    another.goto(tab.url)
    expect(another.get_by_role("navigation", name="主导航")).to_be_visible()
    tab.button("退出登录").click()
    expect(tab.page.get_by_text("您已退出登录")).to_be_visible()
    # All tabs of the device.
    expect(another.get_by_role("button", name="登录", exact=True)).to_be_visible()
    assert tab.page.evaluate(KEPT) == []


def test_a_token_that_has_ended_leads_back_to_the_sign_in_page(tab: Tab, people: People) -> None:
    sign_in(tab, people.active().email)
    token = token_of(tab)
    people.rest("POST", "/auth/logout", headers=token, json={})
    # Other services than Identity know within a second.
    tab.until(lambda: people.rest("GET", "/cookie/list", headers=token).status_code == 401)
    tab.show("cookies")
    expect(tab.page.get_by_text("登录已失效，请重新登录")).to_be_visible()
    assert tab.page.evaluate(KEPT) == []


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [("nonsense", PASSWORD, "请填写正确的邮箱地址"), ("someone@example.com", "", "请填写此项")],
)
def test_a_field_that_cannot_be_right_says_so_and_gets_the_focus(
    tab: Tab, email: str, password: str, words: str
) -> None:
    sign_in(tab, email, password)
    wrong = tab.page.locator("[aria-invalid=true]")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_accessible_description(re.compile(words))


def test_refusals_are_said_in_words_with_the_next_step(tab: Tab, people: People) -> None:
    person = people.pending()
    sign_in(tab, person.email, "not the password")
    expect(tab.alert).to_contain_text("邮箱或密码不正确")
    expect(tab.alert).to_contain_text("请检查大小写")
    tab.button("注册").click()
    tab.field("邮箱").fill(person.email)
    tab.field("密码").fill(PASSWORD)
    tab.button("注册并登录").click()
    expect(tab.alert).to_contain_text("该邮箱已注册")


def test_codes_that_do_not_work_are_explained(tab: Tab, people: People) -> None:
    used, unused = people.codes(2)
    people.rest("POST", "/activation/revoke", people.admin, json={"activation_code": unused})
    people.rest("POST", "/activation/activate", people.pending(), json={"activation_code": used})
    tab.enter(people.pending())
    for code, words in (
        ("0123", "激活码应为 32 位"),
        ("0" * 32, "没有这个激活码"),
        (used, "该激活码已被使用"),
        (unused, "该激活码已作废"),
    ):
        tab.field("激活码").fill(code)
        tab.button("兑换").click()
        expect(tab.page.get_by_text(words)).to_be_visible()


def test_a_changed_password_keeps_this_tab_signed_in_and_ends_the_others(
    open_tab: Callable[..., Tab], people: People
) -> None:
    person = people.pending()
    here, there = open_tab(), open_tab()
    for tab in (here, there):
        sign_in(tab, person.email)
        expect(tab.navigation).to_be_visible()
    here.show("profile")
    here.field("当前密码").fill(PASSWORD)
    new = secrets.token_urlsafe(12)
    here.field("新密码").fill(new)
    here.button("修改密码").click()
    expect(here.page.get_by_text("密码已修改")).to_be_visible()
    here.page.reload()
    expect(here.navigation).to_be_visible()
    there.page.reload()
    expect(there.page.get_by_text("登录已失效")).to_be_visible()
    sign_in(there, person.email, new)
    expect(there.navigation).to_be_visible()


def test_signing_out_everywhere_asks_first_and_ends_every_token(tab: Tab, people: People) -> None:
    sign_in(tab, people.pending().email)
    token = token_of(tab)
    tab.show("profile")
    tab.button("在所有设备上退出").click()
    tab.agree("在所有设备上退出")
    expect(tab.page.get_by_text("您已退出登录")).to_be_visible()
    assert people.rest("GET", "/auth/me", headers=token).status_code == 401


def test_language_and_colours_are_kept(tab: Tab) -> None:
    open_before = tab.context.new_page()
    open_before.goto(tab.url)
    tab.button("English").click()
    expect(tab.heading).to_have_text("Welcome to FastMP")
    expect(tab.page.locator("html")).to_have_attribute("lang", "en")
    expect(tab.button("中文")).to_be_focused()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.page.evaluate(ground)
    tab.button("Switch to dark colours").click()
    assert tab.page.evaluate(ground) != light
    tab.page.reload()
    expect(tab.heading).to_have_text("Welcome to FastMP")
    assert tab.page.evaluate(ground) != light
    another = tab.context.new_page()
    another.goto(tab.url)
    expect(another.get_by_role("heading", level=1)).to_have_text("Welcome to FastMP")
    assert another.evaluate(ground) != light
    # A tab that was open goes on in its language, and does not mix two.
    open_before.get_by_role("button", name="注册").click()
    expect(open_before.get_by_role("button", name="注册并登录")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "welcome"),
    [("zh-TW", "欢迎使用 FastMP"), ("en-GB", "Welcome to FastMP"), ("fr-FR", "Welcome to FastMP")],
)
def test_it_opens_in_the_browsers_language(open_tab: Callable[..., Tab], locale: str, welcome: str) -> None:
    expect(open_tab(locale=locale).heading).to_have_text(welcome)


def test_when_the_server_says_nothing_of_use_the_page_still_does(tab: Tab, people: People) -> None:
    tab.context.route("**/auth/login", lambda route: route.abort())
    sign_in(tab, "someone@example.com")
    expect(tab.alert).to_contain_text("无法连接服务器")
    expect(tab.alert).to_contain_text("请检查网络后重试")


def test_an_address_outside_ascii_registers_and_signs_in(tab: Tab) -> None:
    email = f"张三{secrets.token_hex(4)}@例子.公司"
    tab.button("注册").click()
    tab.field("邮箱").fill(email)
    tab.field("密码").fill(PASSWORD)
    tab.button("注册并登录").click()
    expect(tab.navigation).to_be_visible()
    expect(tab.page.get_by_role("banner")).to_contain_text(email)


def test_a_password_link_leads_from_the_admin_to_a_new_password(
    open_tab: Callable[..., Tab], people: People
) -> None:
    person, new = people.pending(), f" {secrets.token_urlsafe(12)} "
    office = open_tab()
    office.enter(people.admin, "users")
    office.row(person.email).get_by_role("button", name="编辑").click()
    office.agree("重设密码链接")
    office.agree("生成链接")
    link = office.dialog.get_by_label("链接", exact=True).input_value()
    office.context.grant_permissions(["clipboard-read", "clipboard-write"])
    office.agree("复制链接")
    assert office.page.evaluate("navigator.clipboard.readText()") == link
    ticket = link.rpartition("/")[2]
    assert link == f"{office.url}/#/new-password/{ticket}"

    tab = open_tab()
    expect(tab.page.get_by_text("忘记密码？请联系管理员")).to_be_visible()
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.goto(link)
    expect(tab.heading).to_have_text("设置新密码")
    # The ticket stays neither in the address bar nor in the history, and is sent to no server in a URL.
    assert ticket not in tab.page.url
    tab.button("设置密码").click()
    expect(tab.field("新密码")).to_be_focused()
    tab.field("显示密码").check()
    tab.field("新密码").fill(new)
    tab.button("设置密码").click()
    expect(tab.page.get_by_text("密码已设置，请用新密码登录")).to_be_visible()
    assert not [url for url in asked if ticket in url]
    sign_in(tab, person.email, new)
    expect(tab.navigation).to_be_visible()

    used = open_tab()
    used.page.goto(link)
    used.field("新密码").fill("another one")
    used.button("设置密码").click()
    expect(used.alert).to_contain_text("请向管理员索取新的链接")
    used.page.reload()
    expect(used.page.get_by_text("请重新打开管理员给您的链接")).to_be_visible()


def test_a_second_factor_is_set_up_asked_for_and_turned_off(tab: Tab, people: People) -> None:
    person = people.pending()
    tab.enter(person, "profile")
    tab.button("启用两步验证").click()
    expect(tab.dialog).to_be_visible()
    # Leaving the page closes the dialog, and does not lead back.
    tab.show("home")
    expect(tab.dialog).to_have_count(0)
    tab.page.wait_for_load_state("networkidle")
    expect(tab.heading).to_have_text("首页")
    tab.show("profile")
    tab.button("启用两步验证").click()
    secret = tab.dialog.locator("code").inner_text().replace(" ", "")
    picture = tab.dialog.get_by_role("img")
    expect(picture).to_have_js_property("complete", True)
    read = zxingcpp.read_barcode(Image.open(io.BytesIO(picture.screenshot())))
    assert read is not None
    assert pyotp.parse_uri(read.text).secret == secret
    app = pyotp.TOTP(secret)
    code = tab.dialog.get_by_label("动态验证码", exact=True)
    code.fill("000000")
    tab.agree("启用")
    expect(tab.dialog).to_contain_text("动态验证码不正确或已使用")
    used = app.now()
    code.fill(used)
    tab.agree("启用")
    recovery = tab.dialog.get_by_label("恢复码，每行一个").input_value().split("\n")
    assert len(recovery) == 10
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.agree("全部复制")
    assert tab.page.evaluate("navigator.clipboard.readText()").split("\n") == recovery
    tab.agree("我已保存")
    expect(tab.button("关闭两步验证")).to_be_visible()

    tab.button("退出登录").click()
    sign_in(tab, person.email)
    expect(tab.field("动态验证码")).to_be_focused()
    tab.field("动态验证码").fill(used)
    tab.button("登录").click()
    expect(tab.alert).to_contain_text("动态验证码不正确或已使用")
    tab.field("动态验证码").fill(recovery[0])
    tab.button("登录").click()
    expect(tab.navigation).to_be_visible()

    tab.show("profile")
    tab.button("关闭两步验证").click()
    tab.dialog.get_by_label("当前密码").fill(PASSWORD)
    tab.dialog.get_by_label("动态验证码", exact=True).fill(recovery[1])
    tab.agree("关闭两步验证")
    expect(tab.button("启用两步验证")).to_be_visible()
