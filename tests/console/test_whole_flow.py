"""From registering to a deleted login, by mouse, keyboard and phone."""

import secrets

from playwright.sync_api import expect

from deploy.wechat_emulator.control import EmulatorControl
from tests.console.tab import Tab
from tests.whole_stack.people import People

PASSWORD = "correct horse battery"
NEWS, SHOP = "晨间新闻", "街角小店"


def test_a_person_registers_redeems_scans_switches_and_deletes(
    tab: Tab, people: People, wechat: EmulatorControl
) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    (code,) = people.codes(1, valid_days=30)
    tab.page.get_by_role("button", name="注册").click()
    tab.field("邮箱").fill(email)
    tab.field("密码").fill(PASSWORD)
    tab.button("注册并登录").click()
    access = tab.page.get_by_role("region", name="使用权限")
    expect(access).to_contain_text("尚未激活")
    tab.show("scan")
    expect(tab.page.get_by_role("heading", name="请先激活账户")).to_be_visible()
    tab.page.get_by_role("link", name="去兑换激活码").click()

    tab.field("激活码").fill(f" {code.upper()} ")
    tab.button("兑换").click()
    expect(access).to_contain_text("使用中")
    expect(access).to_contain_text("29天 23小时")

    scan(tab, wechat, NEWS)
    tab.page.get_by_role("button", name="再登录一个").click()
    wechat.scan_and_confirm(tab.read_qr(), account=SHOP)
    expect(tab.page.get_by_role("heading", name=f"「{SHOP}」登录成功")).to_be_visible()

    tab.page.get_by_role("link", name="查看我的公众号").click()
    shop = tab.page.get_by_role("listitem").filter(has_text=SHOP)
    news = tab.page.get_by_role("listitem").filter(has_text=NEWS)
    for item in (shop, news):
        # The avatar needs the token: an img with a plain address would be broken.
        expect(item.locator(".avatar img")).to_have_js_property("complete", True)
        assert item.locator(".avatar img").evaluate("image => image.naturalWidth") > 0
        expect(item).to_contain_text("剩余 3天 15小时")
    expect(shop).to_contain_text("当前使用")
    expect(news).not_to_contain_text("当前使用")

    news.get_by_role("button", name="设为当前").click()
    expect(news).to_contain_text("当前使用")
    expect(shop).not_to_contain_text("当前使用")
    expect(news).to_be_focused()

    news.get_by_role("button", name="删除").click()
    expect(tab.dialog).to_contain_text(NEWS)
    tab.page.keyboard.press("Escape")
    expect(tab.dialog).to_have_count(0)
    expect(news).to_be_visible()
    news.get_by_role("button", name="删除").click()
    tab.agree("删除")
    expect(news).to_have_count(0)
    expect(shop).to_contain_text("当前使用")

    tab.show("home")
    expect(tab.page.get_by_role("region", name="当前公众号")).to_contain_text(SHOP)


def scan(tab: Tab, wechat: EmulatorControl, account: str) -> None:
    """One login with each stage on the screen."""
    login = tab.start_scan()
    expect(tab.status).to_have_text("请用微信扫描二维码")
    step = tab.page.locator("[aria-current=step]")
    expect(step).to_contain_text("用微信扫码")
    wechat.scan(login, account=account)
    expect(tab.status).to_have_text("已扫码，请在手机上确认登录")
    expect(step).to_contain_text("在手机上确认")
    wechat.confirm(login)
    expect(tab.page.get_by_role("heading", name=f"「{account}」登录成功")).to_be_focused()
