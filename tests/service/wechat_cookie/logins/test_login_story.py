"""A login from its start to its cookie, as those see it who watch it."""

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault
from deploy.wechat_emulator.knobs import HomePage
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from tests.service.wechat_cookie.logins.callers import Caller, Story

HOME = "/cgi-bin/home"


def scanned_and_confirmed(ann: Caller, phone: EmulatorControl) -> tuple[Story, pb.LoginEvent]:
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url, account="早安读书")
    return story, story.to_end()


def test_a_scan_and_a_confirmation_become_a_cookie(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    qr = story.until_qr()
    phone.scan(qr.url, account="早安读书")
    story.until_stage("scanned")
    phone.confirm(qr.url)
    last = story.to_end()
    assert story.stages == ["preparing", "waiting_for_scan", "scanned", "confirmed", "saving"]
    assert story.sequences == list(range(1, len(story.events) + 1))
    assert {event.login_key for event in story.events} == {story.key}
    [session] = phone.sessions()
    cookie = last.success.cookie
    assert (cookie.token, cookie.name, cookie.is_current) == (session.token, "早安读书", True)
    assert cookie.avatar == f"/static/cookies/{session.token}/avatar.jpg"
    assert (cookie.expire_time.ToDatetime() - cookie.created_time.ToDatetime()).total_seconds() == 88 * 3600


def test_the_qr_code_comes_as_picture_address_and_end(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    qr = story.until_qr()
    [login] = phone.pending_logins()
    assert qr.image.startswith(b"\xff\xd8\xff")
    assert qr.content_type == "image/jpeg"
    assert f"qrticket={login.ticket}&" in qr.url
    assert qr.refresh_count == 0
    shown_for = qr.expire_time.ToDatetime() - story.events[-1].time.ToDatetime()
    assert shown_for.total_seconds() == pytest.approx(300, abs=1)


@pytest.mark.parametrize("shape", [1, 2])
def test_name_and_avatar_come_from_both_shapes_of_the_home_page(
    ann: Caller, phone: EmulatorControl, shape: int
) -> None:
    phone.set_knobs(home_shape=1 if shape == 1 else 2)
    _, last = scanned_and_confirmed(ann, phone)
    assert last.success.cookie.name == "早安读书"
    assert last.success.cookie.avatar != ""


@pytest.mark.parametrize("page", ["logged_out", "no_script"])
def test_a_home_page_that_tells_nothing_costs_the_name_and_not_the_login(
    ann: Caller, phone: EmulatorControl, page: HomePage
) -> None:
    phone.set_knobs(home_page=page)
    _, last = scanned_and_confirmed(ann, phone)
    assert (last.success.cookie.name, last.success.cookie.avatar) == ("", "")
    assert last.success.cookie.token == phone.sessions()[0].token


def test_a_mini_program_is_a_login_without_a_name(ann: Caller, phone: EmulatorControl) -> None:
    phone.set_knobs(mini_program=True)
    _, last = scanned_and_confirmed(ann, phone)
    assert last.success.cookie.name == ""


def test_an_avatar_that_is_a_page_costs_the_avatar_only(ann: Caller, phone: EmulatorControl) -> None:
    phone.set_knobs(avatar="html")
    _, last = scanned_and_confirmed(ann, phone)
    assert (last.success.cookie.name, last.success.cookie.avatar) == ("早安读书", "")


def test_a_home_page_that_fails_once_is_asked_again(ann: Caller, phone: EmulatorControl) -> None:
    phone.add_fault(Fault(HOME, "status", times=2))
    _, last = scanned_and_confirmed(ann, phone)
    assert last.success.cookie.name == "早安读书"
    assert phone.counters().requests[HOME] == 3


def test_a_second_scan_of_the_same_account_replaces_the_first(ann: Caller, phone: EmulatorControl) -> None:
    _, first = scanned_and_confirmed(ann, phone)
    story, second = scanned_and_confirmed(ann, phone)
    assert first.success.cookie.token != second.success.cookie.token
    assert ann.poll(story.key).cookie.token == second.success.cookie.token
    first_again = ann.poll(first.login_key)
    assert first_again.status == "success"
    assert not first_again.HasField("cookie")


def test_a_quiet_stream_says_that_it_lives(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    story.until_stage("waiting_for_scan")
    beats = story.read()
    for _ in range(2):
        beat = next(beats)
        assert beat.WhichOneof("event") == "heartbeat"
        assert (beat.sequence, beat.login_key) == (3, story.key)
