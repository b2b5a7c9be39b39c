"""WeChat slow, dropping, answering errors and pages: a login that runs goes on, one that cannot begin ends."""

import hashlib
import socket
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis.name_resolution import Resolver
from tests.service.wechat_cookie.logins.callers import Caller
from tests.service.wechat_cookie.logins.replicas import QUICK, Cluster

ASK = "/cgi-bin/scanloginqrcode?action=ask"


@pytest.mark.parametrize("kind", ["status", "html", "drop", "reset", "truncated", "empty", "garbage"])
def test_failing_polls_do_not_end_a_login(ann: Caller, phone: EmulatorControl, kind: str) -> None:
    story = ann.start()
    qr = story.until_qr()
    phone.add_fault(Fault.from_json({"endpoint": ASK, "kind": kind, "times": 5}))
    phone.scan_and_confirm(qr.url)
    assert story.to_end().success.cookie.token
    assert sum(phone.counters().faults.values()) == 5


def test_slow_polls_do_not_end_a_login(cluster: Cluster, phone: EmulatorControl) -> None:
    ann = cluster.replica(read_timeout=0.3, exchange_timeout=0.5).account()
    story = ann.start()
    qr = story.until_qr()
    phone.add_fault(Fault(ASK, "delay", times=3, seconds=1.0))
    phone.scan_and_confirm(qr.url)
    assert story.to_end().success.cookie.token


def test_a_long_run_of_failures_is_told_and_so_is_its_end(cluster: Cluster, phone: EmulatorControl) -> None:
    ann = cluster.replica(limits=replace(QUICK, hard_to_reach_seconds=0.3)).account()
    story = ann.start()
    qr = story.until_qr()
    story.until_stage("waiting_for_scan")
    phone.add_fault(Fault(ASK, "drop"))
    progress = story.until_stage("waiting_for_scan").progress
    assert "连接不上" in progress.message
    phone.clear_faults()
    assert "扫描二维码" in story.until_stage("waiting_for_scan").progress.message
    phone.scan_and_confirm(qr.url)
    assert story.to_end().success.cookie.token


def test_only_the_logins_deadline_ends_a_run_of_failures(cluster: Cluster, phone: EmulatorControl) -> None:
    ann = cluster.replica(limits=replace(QUICK, login_seconds=1.5)).account()
    story = ann.start()
    story.until_qr()
    phone.add_fault(Fault(ASK, "drop"))
    assert story.to_end().failure.reason == "LOGIN_TIMEOUT"


def test_a_login_that_nobody_finishes_ends_at_its_deadline(cluster: Cluster, phone: EmulatorControl) -> None:
    ann = cluster.replica(limits=replace(QUICK, login_seconds=1.0)).account()
    story = ann.start()
    story.until_qr()
    failure = story.to_end().failure
    assert (failure.reason, failure.retryable) == ("LOGIN_TIMEOUT", True)
    assert not failure.HasField("failed_part")
    assert not ann.poll(story.key).HasField("failed_part")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_wechat_that_refuses_connections_is_told_as_unreachable(cluster: Cluster) -> None:
    ann = cluster.replica(base_url=f"https://127.0.0.1:{closed_port()}").account()
    failure = ann.start().to_end().failure
    assert (failure.reason, failure.retryable) == ("WECHAT_UNREACHABLE", True)
    assert "无法连接微信" in failure.message


def test_the_log_says_which_part_of_the_way_failed_for_which_login_and_request(cluster: Cluster) -> None:
    ann = cluster.replica(base_url=f"https://127.0.0.1:{closed_port()}").account()
    with capture_logs() as logs:
        story = ann.start(request_id="request-of-this-login")
        failure = story.to_end().failure
    line = next(one for one in logs if one["event"] == "wechat_failed")
    assert (line["reason"], line["part"]) == ("WECHAT_UNREACHABLE", "connect")
    assert failure.failed_part == pb.FailedPart(part="connect")
    assert ann.poll(story.key).failed_part == failure.failed_part
    assert line["login"] == hashlib.sha256(story.key.encode()).hexdigest()[:12]
    assert line["request_id"] == "request-of-this-login"
    assert "建立连接" in failure.message
    assert story.key[:8] not in repr(logs)


def test_a_certificate_that_is_refused_is_named_in_the_log_and_to_the_caller(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(cluster.emulator.base_url.rsplit(":", 1)[1])
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    monkeypatch.setattr(Resolver, "addresses", lambda *_args: [address])
    ann = cluster.replica(base_url=f"https://mp.weixin.qq.com:{port}").account()
    with capture_logs() as logs:
        failure = ann.start().to_end().failure
    line = next(one for one in logs if one["event"] == "wechat_failed")
    assert (line["part"], line["detail"]) == ("tls", "certificate_of_another_host")
    assert failure.failed_part == pb.FailedPart(part="tls", detail="certificate_of_another_host")
    assert (failure.reason, "证书" in failure.message) == ("WECHAT_UNREACHABLE", True)


def test_a_dead_proxy_is_told_without_its_password(cluster: Cluster) -> None:
    ann = cluster.replica(proxy=f"http://me:pass-word@127.0.0.1:{closed_port()}").account()
    with capture_logs() as logs:
        story = ann.start()
        failure = story.to_end().failure
    line = next(one for one in logs if one["event"] == "wechat_failed")
    assert line["part"] == failure.failed_part.part == "proxy"
    assert "代理" in failure.message
    assert ann.poll(story.key).message == failure.message
    assert "pass-word" not in repr(logs) + repr(story.events)


def test_an_account_without_a_name_is_logged_with_the_login_s_hash(
    ann: Caller, phone: EmulatorControl
) -> None:
    phone.set_knobs(mini_program=True)
    with capture_logs() as logs:
        story = ann.start()
        phone.scan_and_confirm(story.until_qr().url)
        assert story.to_end().success.cookie.name == ""
    line = next(one for one in logs if one["event"] == "account_without_name")
    assert line["login"] == hashlib.sha256(story.key.encode()).hexdigest()[:12]


def test_a_wechat_that_never_answers_ends_the_start_at_its_deadline(cluster: Cluster) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        limits = replace(QUICK, preparing_seconds=1.5, start_lease_seconds=5)
        ann = cluster.replica(limits=limits, base_url=f"http://127.0.0.1:{silent.getsockname()[1]}").account()
        begun = time.monotonic()
        failure = ann.start().to_end().failure
    assert failure.reason == "WECHAT_UNREACHABLE"
    assert time.monotonic() - begun < 3
