"""A login belongs to the account that started it, and is there for ten minutes after its end."""

import grpc
import pytest

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from tests.service.wechat_cookie.logins.callers import Caller, refusal
from tests.service.wechat_cookie.logins.conftest import RunningClock
from tests.service.wechat_cookie.logins.replicas import Replica

NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "LOGIN_NOT_FOUND")
INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")


@pytest.mark.parametrize("role", ["user", "admin"])
def test_nobody_else_sees_watches_or_cancels_a_login(ann: Caller, replica: Replica, role: str) -> None:
    key = ann.begin().login_key
    other = replica.account(role)
    assert refusal(lambda: other.poll(key)) == NOT_FOUND
    assert refusal(lambda: other.watch(key).to_end()) == NOT_FOUND
    assert refusal(lambda: other.cancel(key)) == NOT_FOUND
    assert ann.poll(key).status == "pending"


def test_an_unknown_login_is_not_found(ann: Caller) -> None:
    key = "0" * 32
    assert refusal(lambda: ann.poll(key)) == NOT_FOUND
    assert refusal(lambda: ann.watch(key).to_end()) == NOT_FOUND
    assert refusal(lambda: ann.cancel(key)) == NOT_FOUND


@pytest.mark.parametrize(
    "key", ["", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "../" + "0" * 29, "0" * 31 + "\x00"]
)
def test_a_malformed_key_is_refused_as_such(ann: Caller, key: str) -> None:
    assert refusal(lambda: ann.poll(key)) == INVALID
    assert refusal(lambda: ann.watch(key).to_end()) == INVALID
    assert refusal(lambda: ann.cancel(key)) == INVALID


def test_a_negative_sequence_is_refused(ann: Caller) -> None:
    key = ann.begin().login_key
    assert refusal(lambda: ann.watch(key, -1).to_end()) == INVALID


def test_an_ended_login_can_be_looked_at_for_ten_minutes(ann: Caller, running_clock: RunningClock) -> None:
    story = ann.start()
    story.until_qr()
    ann.cancel(story.key)
    story.to_end()
    running_clock.move(minutes=9, seconds=50)
    assert ann.poll(story.key).reason == "CANCELLED"
    assert [event.sequence for event in rewatched(ann, story.key)] == story.sequences
    running_clock.move(seconds=15)
    assert refusal(lambda: ann.poll(story.key)) == NOT_FOUND
    assert refusal(lambda: ann.watch(story.key).to_end()) == NOT_FOUND
    assert refusal(lambda: ann.cancel(story.key)) == NOT_FOUND


def rewatched(caller: Caller, key: str) -> list[pb.LoginEvent]:
    story = caller.watch(key)
    story.to_end()
    return list(story.events)
