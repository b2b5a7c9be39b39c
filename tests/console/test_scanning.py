"""What the scan page shows when a login does not go straight."""

import pytest
from playwright.sync_api import expect

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.knobs import FinalLogin
from tests.console.tab import Tab
from tests.whole_stack.people import People


@pytest.fixture
def scanning(tab: Tab, people: People, wechat: EmulatorControl) -> Tab:
    """A tab of a person who may scan."""
    tab.enter(people.active(), "scan")
    return tab


def test_an_expired_code_is_replaced_by_itself_and_the_page_says_so(
    scanning: Tab, wechat: EmulatorControl
) -> None:
    first = scanning.start_scan()
    wechat.expire(first)
    scanning.until(lambda: scanning.read_qr() != first)
    assert "二维码已过期，正在更换新的二维码" in scanning.sentences()
    # The reason stays beside the new code.
    expect(scanning.page.get_by_text("上一个二维码已过期，这是新的二维码")).to_be_visible()
    wechat.scan_and_confirm(scanning.read_qr())
    expect(scanning.page.get_by_role("heading", name="登录成功")).to_be_visible()


def test_a_cancel_on_the_phone_brings_a_new_code_and_the_page_says_so(
    scanning: Tab, wechat: EmulatorControl
) -> None:
    first = scanning.start_scan()
    wechat.scan(first)
    expect(scanning.status).to_have_text("已扫码，请在手机上确认登录")
    # A code that has been scanned is not there to be scanned again.
    expect(scanning.page.locator(".qr")).to_contain_text("已扫码")
    wechat.cancel(first)
    second = scanning.read_qr()
    assert second != first
    assert "已在手机上取消登录，正在更换新的二维码" in scanning.sentences()
    why = scanning.page.get_by_text("刚才在手机上取消了登录，这是新的二维码")
    expect(why).to_be_visible()
    scanning.page.reload()
    expect(why).to_be_visible()
    wechat.scan(second)
    expect(why).to_be_hidden()


def test_in_english_the_servers_sentences_are_english(scanning: Tab, wechat: EmulatorControl) -> None:
    first = scanning.start_scan()
    scanning.button("English").click()
    expect(scanning.status).to_have_text("Scan the QR code with WeChat")
    wechat.scan(first)
    wechat.cancel(first)
    said = "The login was cancelled on the phone; getting a new QR code"
    scanning.until(lambda: said in scanning.sentences())


@pytest.mark.parametrize(
    ("accounts", "sentence"), [(3, "请在手机上选择要登录的公众号"), (0, "请换一个微信号扫码")]
)
def test_the_stages_of_a_scan_are_told(
    scanning: Tab, wechat: EmulatorControl, accounts: int, sentence: str
) -> None:
    wechat.scan(scanning.start_scan(), acct_size=accounts)
    expect(scanning.status).to_contain_text(sentence)


def test_waiting_for_an_administrator_and_being_refused_is_told(
    scanning: Tab, wechat: EmulatorControl
) -> None:
    login = scanning.start_scan()
    wechat.require_approval(login)
    wechat.scan_and_confirm(login)
    expect(scanning.status).to_contain_text("请等待公众号管理员确认")
    wechat.refuse(login)
    expect(scanning.page.get_by_role("heading", name="公众号管理员拒绝了这次登录")).to_be_focused()
    expect(scanning.page.get_by_text("由管理员本人扫码")).to_be_visible()


def test_an_account_without_email_is_told_what_to_do_next(scanning: Tab, wechat: EmulatorControl) -> None:
    wechat.cannot_login(scanning.start_scan(), binduin=2_390_000_001)
    expect(scanning.page.get_by_role("heading", name="该公众号没有绑定邮箱，无法登录")).to_be_visible()
    expect(scanning.page.get_by_text("下一步：请先在微信公众平台为它绑定邮箱")).to_be_visible()


@pytest.mark.parametrize(
    ("final_login", "what", "next_step"),
    [
        ("no_token", "微信要求进一步的安全验证", "请先在浏览器中登录一次微信公众平台"),
        ("html", "微信返回了无法识别的登录页面", "再扫一次码"),
        ("no_set_cookie", "微信没有返回登录凭证", "请联系管理员更换网络出口"),
    ],
)
def test_a_login_that_fails_at_its_last_step_is_explained_and_can_be_started_again(
    scanning: Tab, wechat: EmulatorControl, final_login: FinalLogin, what: str, next_step: str
) -> None:
    wechat.set_knobs(final_login=final_login)
    wechat.scan_and_confirm(scanning.start_scan())
    expect(scanning.page.get_by_role("heading", name=what)).to_be_visible()
    expect(scanning.page.get_by_text(next_step)).to_be_visible()
    wechat.set_knobs(final_login="ok")
    scanning.button("重新开始").click()
    wechat.scan_and_confirm(scanning.read_qr())
    expect(scanning.page.get_by_role("heading", name="登录成功")).to_be_visible()


def test_the_person_may_cancel(scanning: Tab, wechat: EmulatorControl) -> None:
    scanning.start_scan()
    scanning.button("取消登录").click()
    expect(scanning.page.get_by_role("heading", name="登录已取消")).to_be_visible()
    expect(scanning.button("重新开始")).to_be_visible()


def test_a_broken_connection_is_taken_up_again_without_a_new_code(
    scanning: Tab, stack: LocalStack, wechat: EmulatorControl
) -> None:
    login = scanning.start_scan()
    stack.process("gateway").stop()
    expect(scanning.page.get_by_text("网络连接中断，正在自动重连")).to_be_visible()
    # Meanwhile the phone continues without the page being notified.
    wechat.scan(login)
    stack.restart("gateway")
    expect(scanning.status).to_have_text("已扫码，请在手机上确认登录")
    expect(scanning.page.get_by_text("网络连接中断")).to_have_count(0)
    wechat.confirm(login)
    expect(scanning.page.get_by_role("heading", name="登录成功")).to_be_visible()
    assert len(wechat.logins()) == 1


def test_a_reloaded_page_takes_the_running_login_up_again(scanning: Tab, wechat: EmulatorControl) -> None:
    login = scanning.start_scan()
    scanning.page.reload()
    assert scanning.read_qr() == login
    scanning.show("profile")
    expect(scanning.heading).to_have_text("账户")
    wechat.scan_and_confirm(login)
    scanning.show("scan")
    expect(scanning.page.get_by_role("heading", name="登录成功")).to_be_visible()
    assert len(wechat.logins()) == 1


def test_without_wechat_the_page_says_that_it_cannot_be_reached(
    scanning: Tab, wechat: EmulatorControl
) -> None:
    wechat.set_knobs(startlogin_ret=200013)
    scanning.show("scan")
    scanning.button("开始扫码").click()
    expect(scanning.page.get_by_role("heading", name="微信限制了访问频率")).to_be_visible()
    expect(scanning.page.get_by_text("请几小时后再试，期间不要反复扫码")).to_be_visible()
