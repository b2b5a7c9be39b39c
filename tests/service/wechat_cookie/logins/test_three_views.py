"""StartLogin, WatchLogin and BeginLogin with PollLogin are views of one row: they tell the same story."""

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from tests.service.wechat_cookie.logins.callers import Caller, Story, eventually
from tests.service.wechat_cookie.logins.replicas import QUICK, Cluster


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_begin_login_answers_with_the_qr_code_at_once(ann: Caller, phone: EmulatorControl) -> None:
    begun = ann.begin()
    assert begun.status == "pending"
    assert "扫描二维码" in begun.message
    assert base64.b64decode(begun.qrcode_base64).startswith(b"\xff\xd8\xff")
    assert len(phone.pending_logins()) == 1
    polled = ann.poll(begun.login_key)
    assert (polled.status, polled.stage) == ("pending", "waiting_for_scan")
    assert polled.qrcode_base64 == begun.qrcode_base64


def test_each_view_is_in_the_language_of_its_call(ann: Caller, phone: EmulatorControl) -> None:
    english = replace(ann, language="en")
    story = ann.start()
    assert story.until_stage("waiting_for_scan").progress.message == "请用微信扫描二维码"
    watched = english.watch(story.key)
    assert watched.until_stage("waiting_for_scan").progress.message == "Scan the QR code with WeChat"
    assert english.poll(story.key).message == "Scan the QR code with WeChat"
    assert ann.poll(story.key).message == "请用微信扫描二维码"
    ann.cancel(story.key)
    assert watched.to_end().failure.message == "The login was cancelled"
    assert story.to_end().failure.message == "登录已取消"
    assert english.begin().message == "Scan the QR code with WeChat"


def test_begin_login_leaves_the_picture_out_when_asked_to(ann: Caller) -> None:
    begun = ann.begin(inline_qr=False)
    assert not begun.HasField("qrcode_base64")
    assert ann.poll(begun.login_key).qrcode_base64


def test_begin_login_tells_of_a_failure(ann: Caller, phone: EmulatorControl) -> None:
    phone.set_knobs(startlogin_ret=200013)
    begun = ann.begin()
    assert (begun.status, begun.HasField("qrcode_base64")) == ("failed", False)
    assert "频率" in begun.message
    assert ann.poll(begun.login_key).reason == "WECHAT_RATE_LIMITED"


def test_begin_login_waits_no_longer_than_it_may(cluster: Cluster, phone: EmulatorControl) -> None:
    phone.add_fault(Fault("/cgi-bin/bizlogin?action=startlogin", "delay", seconds=4))
    limits = replace(QUICK, start_lease_seconds=10)
    ann = cluster.replica(limits=limits, begin_seconds=0.6).account()
    begun_at = time.monotonic()
    begun = ann.begin()
    assert time.monotonic() - begun_at < 3.5
    assert (begun.status, begun.HasField("qrcode_base64")) == ("pending", False)
    eventually(lambda: ann.poll(begun.login_key).qrcode_base64, "the QR code comes later")


def test_polling_follows_a_login_to_its_cookie(ann: Caller, phone: EmulatorControl) -> None:
    key = ann.begin().login_key
    [login] = phone.pending_logins()
    phone.scan(login.uuid)
    scanned = eventually(lambda: next_stage(ann, key, "waiting_for_scan"), "the scan is seen")
    assert (scanned.status, scanned.stage, scanned.HasField("qrcode_base64")) == ("pending", "scanned", False)
    phone.confirm(login.uuid)
    ended = eventually(lambda: ended_poll(ann, key), "the login ends")
    assert (ended.status, ended.stage, ended.reason) == ("success", "succeeded", "")
    assert ended.cookie.token == phone.sessions()[0].token


def next_stage(caller: Caller, key: str, after: str) -> pb.PollLoginResponse | None:
    polled = caller.poll(key)
    return None if polled.stage == after else polled


def ended_poll(caller: Caller, key: str) -> pb.PollLoginResponse | None:
    polled = caller.poll(key)
    return None if polled.status == "pending" else polled


def test_three_views_at_once_tell_the_same_story(ann: Caller, phone: EmulatorControl) -> None:
    started = ann.start()
    qr = started.until_qr()
    watched: list[Story] = [ann.watch(started.key) for _ in range(3)]
    threads = [in_thread(story.to_end) for story in watched]
    polls: list[tuple[str, str]] = []

    def poll_on() -> None:
        while not polls or polls[-1][0] == "pending":
            polled = ann.poll(started.key)
            polls.append((polled.status, polled.stage))

    threads.append(in_thread(poll_on))
    phone.scan(qr.url)
    started.until_stage("scanned")
    phone.expire(qr.url)
    phone.scan_and_confirm(started.until_qr().url)
    started.to_end()
    for thread in threads:
        thread.join(20)
    for story in watched:
        assert story.events == started.events
    stages = [*started.stages, "succeeded"]
    seen = iter(stages)
    polled_stages = [stage for stage, before in zip(polls, [None, *polls], strict=False) if stage != before]
    assert all(stage in seen for _, stage in polled_stages), (polled_stages, stages)
    assert polls[-1] == ("success", "succeeded")
