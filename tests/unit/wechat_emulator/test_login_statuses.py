import pytest

from deploy.wechat_emulator.control import EmulatorControl, EmulatorRefusedError
from deploy.wechat_emulator.running import RunningEmulator
from tests.unit.wechat_emulator.browser import Browser

ASK_KEYS = {"acct_size", "base_resp", "binduin", "status", "user_category"}


def test_an_unscanned_qr_is_status_0_with_exactly_the_real_keys(browser: Browser) -> None:
    browser.started()
    assert browser.ask() == {
        "acct_size": 0,
        "base_resp": {"err_msg": "ok", "ret": 0},
        "binduin": 0,
        "status": 0,
        "user_category": 0,
    }


def test_a_typical_run_goes_from_0_over_4_to_1(browser: Browser, control: EmulatorControl) -> None:
    url = browser.started()
    seen = [browser.ask()]
    control.scan(url, acct_size=19)
    seen.append(browser.ask())
    control.confirm(url)
    seen.append(browser.ask())

    assert [answer["status"] for answer in seen] == [0, 4, 1]
    assert [answer["acct_size"] for answer in seen] == [0, 19, 19]
    assert [answer["user_category"] for answer in seen] == [0, 0, 2]
    assert all(set(answer) == ASK_KEYS for answer in seen)


def test_a_scan_can_be_status_6(browser: Browser, control: EmulatorControl) -> None:
    control.scan(browser.started(), status=6)
    assert browser.status() == 6


def test_a_scan_without_accounts_cannot_be_confirmed(browser: Browser, control: EmulatorControl) -> None:
    url = browser.started()
    control.scan(url, acct_size=0)
    assert browser.ask()["acct_size"] == 0
    with pytest.raises(EmulatorRefusedError, match="no account can log in"):
        control.confirm(url)
    assert browser.status() == 4


def test_cancelling_is_status_2_until_a_new_qr_under_the_same_uuid(
    browser: Browser, control: EmulatorControl
) -> None:
    first = browser.started()
    uuid = browser.uuid
    control.scan(first)
    control.cancel(first)
    assert [browser.status(), browser.status()] == [2, 2]

    second = browser.qr_url()
    assert second != first
    assert browser.uuid == uuid
    assert browser.status() == 0


def test_expiry_is_status_3_and_a_new_qr_lives_again(browser: Browser, control: EmulatorControl) -> None:
    control.set_knobs(qr_lifetime=60)
    browser.started()
    control.advance_clock(59)
    assert browser.status() == 0
    control.advance_clock(1.5)
    assert browser.status() == 3
    browser.qr()
    assert browser.status() == 0


def test_a_scanned_qr_expires_too(browser: Browser, control: EmulatorControl) -> None:
    control.scan(browser.started())
    control.advance_clock(301)
    assert browser.status() == 3


def test_expiry_can_be_forced(browser: Browser, control: EmulatorControl) -> None:
    control.expire(browser.started())
    assert browser.status() == 3


@pytest.mark.parametrize("binduin", [0, 3_912_345_678])
def test_a_login_that_cannot_be_is_status_5(browser: Browser, control: EmulatorControl, binduin: int) -> None:
    control.cannot_login(browser.started(), binduin)
    answer = browser.ask()
    assert (answer["status"], answer["binduin"]) == (5, binduin)


def test_an_unknown_status_can_be_forced_and_taken_back(browser: Browser, control: EmulatorControl) -> None:
    url = browser.started()
    control.set_raw_status(url, 77)
    assert browser.status() == 77
    control.set_raw_status(url, None)
    assert browser.status() == 0


def test_ask_can_say_another_ret(browser: Browser, control: EmulatorControl) -> None:
    control.set_login_knobs(browser.started(), ask_ret=1)
    assert browser.ask() == {"base_resp": {"err_msg": "default", "ret": 1}}


def test_taps_can_come_by_themselves(browser: Browser, control: EmulatorControl) -> None:
    control.set_knobs(scan_after=10, confirm_after=5)
    browser.started()
    assert browser.status() == 0
    control.advance_clock(11)
    assert browser.status() == 4
    control.advance_clock(5)
    assert browser.status() == 1


@pytest.mark.parametrize(("lifetime", "scanned"), [(9, False), (12, True)])
def test_taps_that_come_after_expiry_do_not_count(
    browser: Browser, control: EmulatorControl, lifetime: float, scanned: bool
) -> None:
    control.set_knobs(scan_after=10, confirm_after=5, qr_lifetime=lifetime)
    url = browser.started()
    control.advance_clock(20)
    assert browser.status() == 3
    assert (control.login(url).account is not None) is scanned


@pytest.mark.parametrize(("act", "status"), [("approve", 1), ("refuse", 2), ("approval_timeout", 3)])
def test_an_administrator_decides_about_an_operators_login(
    browser: Browser, control: EmulatorControl, act: str, status: int
) -> None:
    url = browser.started()
    control.require_approval(url)
    control.scan_and_confirm(url)
    assert browser.ask()["user_category"] == 1
    assert browser.finish().json() == {"base_resp": {"err_msg": "ok", "ret": 0}}
    assert browser.ask_approval() == {"base_resp": {"err_msg": "ok", "ret": 0}, "status": 0}

    getattr(control, act)(url)

    assert browser.ask_approval()["status"] == status
    assert ("redirect_url" in browser.finish().json()) is (status == 1)


def test_approval_can_come_by_itself(browser: Browser, control: EmulatorControl) -> None:
    control.set_knobs(require_approval=True, approve_after=30)
    control.scan_and_confirm(browser.started())
    assert browser.ask_approval()["status"] == 0
    control.advance_clock(31)
    assert browser.ask_approval()["status"] == 1


def test_another_approval_status_can_be_forced(browser: Browser, control: EmulatorControl) -> None:
    control.set_approval_status(browser.started(), 4)
    assert browser.ask_approval()["status"] == 4


@pytest.mark.parametrize("spoil", ["scanned", "replaced", "logged in"])
def test_a_used_or_replaced_qr_is_a_system_error_on_the_phone(
    browser: Browser, emulator: RunningEmulator, spoil: str
) -> None:
    control = emulator.control
    url = browser.started()
    if spoil == "replaced":
        browser.qr()
    else:
        control.scan(url)
    if spoil == "logged in":
        control.confirm(url)
        browser.finish()
    with pytest.raises(EmulatorRefusedError) as refusal:
        control.scan(url)
    assert (refusal.value.status, refusal.value.reason) == (409, "System error")


def test_an_expired_qr_cannot_be_scanned(browser: Browser, control: EmulatorControl) -> None:
    url = browser.started()
    control.expire(url)
    with pytest.raises(EmulatorRefusedError, match="expired"):
        control.scan(url)
