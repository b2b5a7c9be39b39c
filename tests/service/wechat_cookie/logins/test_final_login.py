"""The last step: every broken answer has its own reason, and a lost one is not mistaken for anything else."""

import time
from dataclasses import replace
from random import Random

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault
from deploy.wechat_emulator.knobs import FinalLogin
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.results import FinishedLogin
from tests.service.wechat_cookie.logins.callers import Caller
from tests.service.wechat_cookie.logins.replicas import Cluster

FINISH = "/cgi-bin/bizlogin?action=login"


@pytest.mark.parametrize(
    ("final_login", "reason"),
    [
        ("no_redirect_url", "LOGIN_NO_REDIRECT"),
        ("ret_error", "LOGIN_NO_REDIRECT"),
        ("no_token", "LOGIN_NEEDS_VERIFICATION"),
        ("malformed_token", "WECHAT_BAD_ANSWER"),
        ("html", "LOGIN_NOT_JSON"),
        ("no_set_cookie", "LOGIN_NO_SESSION"),
        ("no_slave_sid", "LOGIN_NO_SESSION"),
    ],
)
def test_each_broken_answer_has_its_reason(
    ann: Caller, phone: EmulatorControl, final_login: FinalLogin, reason: str
) -> None:
    phone.set_knobs(final_login=final_login)
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    failure = story.to_end().failure
    assert failure.reason == reason
    assert failure.message
    polled = ann.poll(story.key)
    assert (polled.status, polled.reason, polled.message) == ("failed", reason, failure.message)
    assert not polled.HasField("cookie")


@pytest.mark.parametrize(
    ("ret", "reason"), [(200013, "WECHAT_RATE_LIMITED"), (200008, "LOGIN_NEEDS_VERIFICATION")]
)
def test_a_refusal_with_a_meaning_keeps_it(
    ann: Caller, phone: EmulatorControl, ret: int, reason: str
) -> None:
    phone.set_knobs(final_login="ret_error", final_login_ret=ret)
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    assert story.to_end().failure.reason == reason


def test_a_passing_fault_does_not_cost_the_session(ann: Caller, phone: EmulatorControl) -> None:
    phone.add_fault(Fault(FINISH, "status", times=2))
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    assert story.to_end().success.cookie.token == phone.sessions()[0].token


@pytest.mark.parametrize("kind", ["drop", "reset", "cut_short", "truncated"])
def test_a_lost_answer_is_told_as_such(ann: Caller, phone: EmulatorControl, kind: str) -> None:
    # WeChat has returned the session, and does not return it again.
    fault = {"endpoint": FINISH, "kind": kind, "times": 1, "after_processing": True}
    phone.add_fault(Fault.from_json(fault))
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    failure = story.to_end().failure
    assert (failure.reason, failure.retryable) == ("LOGIN_INTERRUPTED", True)


class SameTokenAgain(MpClient):
    """A WeChat that gives every session the same token."""

    def finish_login(self, cookies: MpCookies) -> FinishedLogin:
        return replace(super().finish_login(cookies), token="1234567890")


def test_a_token_that_another_accounts_cookie_has_takes_nothing_over(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    replica = cluster.replica(make_client=lambda settings: SameTokenAgain(settings, time.time, Random(1)))
    ann, bob = replica.account(), replica.account()
    first = ann.start()
    phone.scan_and_confirm(first.until_qr().url)
    mine = first.to_end().success.cookie
    second = bob.start()
    phone.scan_and_confirm(second.until_qr().url)
    failure = second.to_end().failure
    assert (failure.reason, failure.retryable) == ("OWNED_BY_ANOTHER_ACCOUNT", False)
    assert ann.poll(first.key).cookie == mine
    assert not bob.poll(second.key).HasField("cookie")
