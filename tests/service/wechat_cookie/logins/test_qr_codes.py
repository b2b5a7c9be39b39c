"""QR codes that expire, are cancelled, grow old, or never were pictures."""

from dataclasses import replace

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault
from tests.service.wechat_cookie.logins.callers import Caller
from tests.service.wechat_cookie.logins.replicas import QUICK, Cluster

GET_QR = "/cgi-bin/scanloginqrcode?action=getqrcode"
START = "/cgi-bin/bizlogin?action=startlogin"


def test_an_expired_qr_code_is_replaced_by_itself_five_times(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    for count in range(6):
        qr = story.until_qr()
        assert qr.refresh_count == count
        phone.expire(qr.url)
    assert story.to_end().failure.reason == "QR_EXPIRED"
    pictures = {event.qr_code.image for event in story.events if event.HasField("qr_code")}
    assert len(pictures) == 6
    [login] = phone.logins()
    assert login.qr_codes == 6


def test_a_replaced_qr_code_can_be_scanned(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    phone.expire(story.until_qr().url)
    phone.scan_and_confirm(story.until_qr().url)
    assert story.to_end().success.cookie.token
    assert story.stages[:4] == ["preparing", "waiting_for_scan", "preparing", "waiting_for_scan"]


def test_a_cancellation_on_the_phone_brings_a_new_qr_code_and_a_new_count(
    ann: Caller, phone: EmulatorControl
) -> None:
    story = ann.start()
    for _ in range(5):
        phone.expire(story.until_qr().url)
    last = story.until_qr()
    assert last.refresh_count == 5
    phone.scan(last.url)
    story.until_stage("scanned")
    phone.cancel(last.url)
    fresh = story.until_qr()
    assert fresh.refresh_count == 0
    phone.expire(fresh.url)
    assert story.until_qr().refresh_count == 1


def test_a_qr_code_that_was_shown_for_long_is_replaced_and_counted(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    ann = cluster.replica(limits=replace(QUICK, qr_seconds=0.2)).account()
    story = ann.start()
    assert [story.until_qr().refresh_count for _ in range(3)] == [0, 1, 2]


def test_a_qr_code_is_not_taken_away_from_somebody_who_confirms(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    ann = cluster.replica(limits=replace(QUICK, qr_seconds=0.5)).account()
    story = ann.start()
    qr = story.until_qr()
    phone.scan(qr.url)
    story.until_stage("scanned")
    beats = story.read()
    assert [next(beats).WhichOneof("event") for _ in range(2)] == ["heartbeat", "heartbeat"]
    phone.confirm(qr.url)
    assert story.to_end().success.cookie.token


@pytest.mark.parametrize("kind", ["html", "empty", "garbage"])
def test_a_qr_answer_that_is_no_picture_fails(ann: Caller, phone: EmulatorControl, kind: str) -> None:
    phone.add_fault(Fault.from_json({"endpoint": GET_QR, "kind": kind, "content_type": "image/jpg"}))
    failure = ann.start().to_end().failure
    assert (failure.reason, failure.retryable) == ("QR_UNAVAILABLE", True)


def test_a_picture_without_a_readable_code_is_shown_without_an_address(
    ann: Caller, phone: EmulatorControl
) -> None:
    # A true GIF of one grey pixel, made long enough to be believed.
    gif = "GIF87a\x01\x00\x01\x00\x00\x00\x00;" + " " * 200
    phone.add_fault(Fault(GET_QR, "answer", body=gif, content_type="image/gif"))
    qr = ann.start().until_qr()
    assert qr.content_type == "image/gif"
    assert not qr.HasField("url")


def test_a_login_without_uuid_shows_no_qr_code(ann: Caller, phone: EmulatorControl) -> None:
    phone.set_knobs(uuid_in="neither")
    assert ann.start().to_end().failure.reason == "QR_UNAVAILABLE"


@pytest.mark.parametrize("place", ["cookie", "body"])
def test_the_uuid_is_taken_from_either_place(ann: Caller, phone: EmulatorControl, place: str) -> None:
    phone.set_knobs(uuid_in="cookie" if place == "cookie" else "body")
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    assert story.to_end().success.cookie.token


def test_a_start_that_is_refused_for_its_rate_is_not_repeated(ann: Caller, phone: EmulatorControl) -> None:
    phone.set_knobs(startlogin_ret=200013)
    failure = ann.start().to_end().failure
    assert (failure.reason, failure.retryable) == ("WECHAT_RATE_LIMITED", False)
    assert phone.counters().requests[START] == 1


def test_a_start_that_fails_once_succeeds_the_second_time(ann: Caller, phone: EmulatorControl) -> None:
    phone.add_fault(Fault(START, "status", times=1))
    assert ann.start().until_qr().url
    assert phone.counters().requests[START] == 2


def test_a_replacement_that_is_not_to_be_had_at_once_is_tried_again(
    ann: Caller, phone: EmulatorControl
) -> None:
    story = ann.start()
    qr = story.until_qr()
    phone.add_fault(Fault(GET_QR, "drop", times=6))
    phone.expire(qr.url)
    assert story.until_qr().refresh_count == 1
