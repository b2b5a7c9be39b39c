"""An operator scanned: an administrator of the account decides."""

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from tests.service.wechat_cookie.logins.callers import Caller, Story, eventually

ASK_APPROVAL = "/cgi-bin/loginauth?action=ask"


def waiting_for_approval(ann: Caller, phone: EmulatorControl) -> tuple[Story, str]:
    story = ann.start()
    qr = story.until_qr()
    phone.require_approval(qr.url)
    phone.scan_and_confirm(qr.url)
    story.until_stage("waiting_for_approval")
    return story, qr.url


def test_an_approved_login_becomes_a_cookie(ann: Caller, phone: EmulatorControl) -> None:
    story, login = waiting_for_approval(ann, phone)
    assert ann.poll(story.key).stage == "waiting_for_approval"
    phone.approve(login)
    assert story.to_end().success.cookie.token == phone.sessions()[0].token
    assert story.stages[-4:] == ["confirmed", "waiting_for_approval", "confirmed", "saving"]


@pytest.mark.parametrize("status", [0, 4])
def test_an_undecided_administrator_is_waited_for(ann: Caller, phone: EmulatorControl, status: int) -> None:
    story, login = waiting_for_approval(ann, phone)
    phone.set_approval_status(login, status)
    eventually(lambda: phone.counters().requests.get(ASK_APPROVAL, 0) >= 4, "it is asked on")
    assert ann.poll(story.key).status == "pending"


@pytest.mark.parametrize(
    ("status", "reason"), [(2, "APPROVAL_REFUSED"), (3, "APPROVAL_TIMEOUT"), (77, "LOGIN_REFUSED")]
)
def test_any_other_decision_ends_the_login(
    ann: Caller, phone: EmulatorControl, status: int, reason: str
) -> None:
    story, login = waiting_for_approval(ann, phone)
    phone.set_approval_status(login, status)
    assert story.to_end().failure.reason == reason


def test_an_approval_that_helps_nothing_does_not_go_round_for_ever(
    ann: Caller, phone: EmulatorControl
) -> None:
    story, login = waiting_for_approval(ann, phone)
    phone.set_login_knobs(login, final_login="no_redirect_url")
    phone.approve(login)
    assert story.to_end().failure.reason == "LOGIN_NO_REDIRECT"
