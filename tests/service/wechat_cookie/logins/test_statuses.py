"""Every status that WeChat tells of the phone, and what the caller sees of it."""

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from tests.service.wechat_cookie.logins.callers import Caller, eventually


def asks_of(phone: EmulatorControl, login: str) -> int:
    return phone.login(login).asks


@pytest.mark.parametrize("status", [0, 7, 99, -1])
def test_not_scanned_and_an_unknown_status_change_nothing(
    ann: Caller, phone: EmulatorControl, status: int
) -> None:
    story = ann.start()
    qr = story.until_qr()
    phone.set_raw_status(qr.url, status)
    before = asks_of(phone, qr.url)
    eventually(lambda: asks_of(phone, qr.url) >= before + 5, "it is polled on")
    polled = ann.poll(story.key)
    assert (polled.status, polled.stage) == ("pending", "waiting_for_scan")
    assert phone.sessions() == []


def test_an_unknown_status_takes_nothing_back(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    qr = story.until_qr()
    phone.scan(qr.url)
    story.until_stage("scanned")
    phone.set_raw_status(qr.url, 99)
    before = asks_of(phone, qr.url)
    eventually(lambda: asks_of(phone, qr.url) >= before + 3, "it is polled on")
    assert ann.poll(story.key).stage == "scanned"
    phone.set_raw_status(qr.url, None)
    phone.confirm(qr.url)
    assert story.to_end().success.cookie.token


@pytest.mark.parametrize("status", [4, 6])
@pytest.mark.parametrize(("accounts", "stage"), [(1, "scanned"), (19, "choosing_account"), (0, "no_account")])
def test_a_scan_tells_what_the_person_has_to_do(
    ann: Caller, phone: EmulatorControl, status: int, accounts: int, stage: str
) -> None:
    story = ann.start()
    phone.scan(story.until_qr().url, acct_size=accounts, status=4 if status == 4 else 6)
    assert story.until_stage(stage).progress.message
    assert ann.poll(story.key).stage == stage


def test_the_qr_code_stays_when_somebody_without_an_account_scanned(
    ann: Caller, phone: EmulatorControl
) -> None:
    story = ann.start()
    phone.scan(story.until_qr().url, acct_size=0)
    story.until_stage("no_account")
    assert ann.poll(story.key).qrcode_base64


def test_the_chosen_account_is_the_one_that_is_logged_in(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    qr = story.until_qr()
    phone.scan(qr.url, acct_size=2)
    story.until_stage("choosing_account")
    phone.confirm(qr.url, account="晚安电台")
    assert story.to_end().success.cookie.name == "晚安电台"


@pytest.mark.parametrize(
    ("binduin", "reason", "retryable"),
    [(1234567890, "EMAIL_NOT_BOUND", False), (0, "LOGIN_REFUSED", True)],
)
def test_an_account_that_cannot_log_in_fails_with_its_reason(
    ann: Caller, phone: EmulatorControl, binduin: int, reason: str, retryable: bool
) -> None:
    story = ann.start()
    qr = story.until_qr()
    phone.scan(qr.url)
    phone.cannot_login(qr.url, binduin=binduin)
    failure = story.to_end().failure
    assert (failure.reason, failure.retryable) == (reason, retryable)


@pytest.mark.parametrize("ret", [1, 200003, 200040, 4242])
def test_a_pending_login_that_is_dead_at_wechat_fails(ann: Caller, phone: EmulatorControl, ret: int) -> None:
    story = ann.start()
    phone.set_login_knobs(story.until_qr().url, ask_ret=ret)
    assert story.to_end().failure.reason == "WECHAT_SESSION_INVALID"


def test_a_rate_limit_ends_the_login_and_is_not_to_be_tried_at_once(
    ann: Caller, phone: EmulatorControl
) -> None:
    story = ann.start()
    phone.set_login_knobs(story.until_qr().url, ask_ret=200013)
    failure = story.to_end().failure
    assert (failure.reason, failure.retryable) == ("WECHAT_RATE_LIMITED", False)


def test_a_passing_fault_of_wechat_is_asked_again(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    qr = story.until_qr()
    phone.set_login_knobs(qr.url, ask_ret=-1)
    before = asks_of(phone, qr.url)
    eventually(lambda: asks_of(phone, qr.url) >= before + 3, "it is polled on")
    phone.set_login_knobs(qr.url, ask_ret=0)
    phone.scan_and_confirm(qr.url)
    assert story.to_end().success.cookie.token
