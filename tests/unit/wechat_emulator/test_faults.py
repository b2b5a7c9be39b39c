import gzip
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests

from deploy.wechat_emulator.control import EmulatorControl, EmulatorRefusedError
from deploy.wechat_emulator.fault_spec import Fault, FaultKind, InvalidFaultError
from deploy.wechat_emulator.running import RunningEmulator
from tests.unit.wechat_emulator.browser import Browser

ASK = "/cgi-bin/scanloginqrcode?action=ask"
LOGIN = "/cgi-bin/bizlogin?action=login"


@contextmanager
def connected(emulator: RunningEmulator) -> Iterator[socket.socket]:
    address = urlsplit(emulator.base_url)
    assert address.port is not None
    with socket.create_connection((str(address.hostname), address.port), timeout=5) as raw:
        if emulator.ca_file is None:
            yield raw
        else:
            context = ssl.create_default_context(cafile=emulator.ca_file)
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as wrapped:
                yield wrapped


def bytes_until_the_end(emulator: RunningEmulator, path: str) -> bytes:
    """All that comes back for a GET until the server closes."""
    with connected(emulator) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return received(connection)


def received(connection: socket.socket) -> bytes:
    blocks = []
    while block := connection.recv(65536):
        blocks.append(block)
    return b"".join(blocks)


@pytest.mark.parametrize("transport", ["https_emulator", "http_emulator"])
def test_a_dropped_answer_is_an_end_without_a_byte(request: pytest.FixtureRequest, transport: str) -> None:
    emulator: RunningEmulator = request.getfixturevalue(transport)
    emulator.control.reset()
    emulator.control.add_fault(Fault(ASK, "drop"))
    assert bytes_until_the_end(emulator, ASK) == b""


@pytest.mark.parametrize("transport", ["https_emulator", "http_emulator"])
def test_a_reset_is_a_reset(request: pytest.FixtureRequest, transport: str) -> None:
    emulator: RunningEmulator = request.getfixturevalue(transport)
    emulator.control.reset()
    emulator.control.add_fault(Fault(ASK, "reset"))
    with connected(emulator) as connection:
        connection.sendall(f"GET {ASK} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        # Python's ssl hides a reset as an end, so look at the TCP connection below it.
        with socket.socket(fileno=os.dup(connection.fileno())) as below:
            below.settimeout(5)
            with pytest.raises(ConnectionResetError):
                received(below)


def test_what_is_not_http_looks_like_nothing_http(plain_emulator: RunningEmulator) -> None:
    plain_emulator.control.add_fault(Fault(ASK, "not_http"))
    assert bytes_until_the_end(plain_emulator, ASK).startswith(b"\x00\x01\x02")


def test_an_answer_cut_short_promises_more_than_it_brings(plain_emulator: RunningEmulator) -> None:
    plain_emulator.control.add_fault(Fault(ASK, "cut_short"))
    head, _, body = bytes_until_the_end(plain_emulator, ASK).partition(b"\r\n\r\n")
    promised = int(head.partition(b"Content-Length: ")[2])
    assert len(body) == promised // 2 > 0


def test_a_final_login_cut_short_has_its_cookies_already(
    plain_browser: Browser, plain_emulator: RunningEmulator
) -> None:
    plain_emulator.control.scan_and_confirm(plain_browser.started())
    plain_emulator.control.add_fault(Fault(LOGIN, "cut_short"))
    with plain_browser.http.post(plain_browser.base_url + LOGIN, data={}, timeout=5, stream=True) as response:
        assert "slave_sid" in response.cookies
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            response.content  # noqa: B018


def test_a_delay_holds_back_the_true_answer(browser: Browser, control: EmulatorControl) -> None:
    browser.started()
    control.add_fault(Fault(ASK, "delay", times=1, seconds=0.2))
    start = time.monotonic()
    assert browser.status() == 0
    assert time.monotonic() - start >= 0.2
    start = time.monotonic()
    assert browser.status() == 0
    assert time.monotonic() - start < 0.2


def test_a_client_that_hangs_up_ends_its_delay(browser: Browser, control: EmulatorControl) -> None:
    browser.started()
    control.add_fault(Fault(ASK, "delay", seconds=600))
    with pytest.raises(requests.ReadTimeout):
        browser.http.get(browser.base_url + ASK, timeout=0.05)
    browser.http.close()
    deadline = time.monotonic() + 5
    # The one left is the control client's own.
    while control.counters().open_connections > 1:
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        (Fault(ASK, "status"), 500, "text/plain"),
        (Fault(ASK, "status", status=503), 503, "text/plain"),
        (Fault(ASK, "html"), 200, "text/html"),
        (Fault(ASK, "html", status=502), 502, "text/html"),
        (Fault(ASK, "empty"), 200, "application/json"),
        (Fault(ASK, "garbage", content_type="image/jpg"), 200, "image/jpg"),
        (Fault(ASK, "answer", body='{"status":"1"}'), 200, "application/json"),
    ],
)
def test_another_answer_comes_in_place_of_the_true_one(
    browser: Browser, control: EmulatorControl, fault: Fault, status: int, content_type: str
) -> None:
    browser.started()
    control.add_fault(fault)
    response = browser.http.get(browser.base_url + ASK, timeout=5)
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith(content_type)
    match fault.kind:
        case "html":
            assert response.text.startswith("<!DOCTYPE html>")
        case "garbage":
            assert len(response.content) == 1024
        case "answer":
            assert response.json() == {"status": "1"}
        case "empty":
            assert response.content == b""
    assert control.logins()[0].asks == 0


def test_a_truncated_answer_is_broken_json_with_the_right_length(
    browser: Browser, control: EmulatorControl
) -> None:
    browser.started()
    whole = browser.http.get(browser.base_url + ASK, timeout=5).content
    control.add_fault(Fault(ASK, "truncated"))
    response = browser.http.get(browser.base_url + ASK, timeout=5)
    assert response.content == whole[: len(whole) // 2]
    with pytest.raises(requests.JSONDecodeError):
        response.json()


def test_a_huge_answer_has_its_size_and_no_length(browser: Browser, control: EmulatorControl) -> None:
    control.add_fault(Fault(ASK, "huge", size=3_000_001))
    response = browser.http.get(browser.base_url + ASK, timeout=5)
    assert len(response.content) == 3_000_001
    assert "Content-Length" not in response.headers


def test_a_gzip_bomb_is_small_on_the_wire(browser: Browser, control: EmulatorControl) -> None:
    control.add_fault(Fault(ASK, "gzip_bomb", size=10_000_000))
    response = browser.http.get(browser.base_url + ASK, timeout=5, stream=True)
    packed = response.raw.read(decode_content=False)
    assert len(packed) < 50_000
    assert gzip.decompress(packed) == b" " * 10_000_000


def test_deep_json_breaks_a_recursive_parser(browser: Browser, control: EmulatorControl) -> None:
    control.add_fault(Fault(ASK, "deep_json"))
    body = browser.http.get(browser.base_url + ASK, timeout=5).content
    with pytest.raises(RecursionError):
        json.loads(body)


def test_a_dripping_answer_takes_its_time_and_is_true(browser: Browser, control: EmulatorControl) -> None:
    browser.started()
    control.add_fault(Fault(ASK, "drip", seconds=0.002))
    start = time.monotonic()
    answer = browser.http.get(browser.base_url + ASK, timeout=5)
    assert answer.json()["status"] == 0
    assert time.monotonic() - start > 0.002 * len(answer.content)


def test_a_redirect_leads_elsewhere_or_in_circles(browser: Browser, control: EmulatorControl) -> None:
    control.add_fault(Fault(ASK, "redirect", times=1, location="/cgi-bin/home"))
    assert "登录超时" in browser.http.get(browser.base_url + ASK, timeout=5).text
    control.add_fault(Fault(ASK, "redirect"))
    with pytest.raises(requests.TooManyRedirects):
        browser.http.get(browser.base_url + ASK, timeout=5)


def test_a_fault_happens_as_often_as_told_and_is_counted(browser: Browser, control: EmulatorControl) -> None:
    browser.started()
    control.add_fault(Fault(ASK, "status", times=2))
    seen = [browser.http.get(browser.base_url + ASK, timeout=5).status_code for _ in range(3)]
    assert seen == [500, 500, 200]
    assert control.counters().faults == {"status": 2}
    assert control.faults() == []


def test_a_fault_keeps_to_its_endpoint_and_login(browser: Browser, emulator: RunningEmulator) -> None:
    control = emulator.control
    browser.started()
    control.add_fault(Fault(ASK, "status", login=browser.uuid))
    with Browser(emulator) as other:
        other.started()
        assert other.status() == 0
        assert other.qr().status_code == 200
    assert browser.qr().status_code == 200
    assert browser.http.get(browser.base_url + ASK, timeout=5).status_code == 500


def test_a_login_is_still_the_victim_after_it_succeeded(browser: Browser, emulator: RunningEmulator) -> None:
    token = browser.log_in(emulator)
    uuid = emulator.control.sessions()[0].login
    emulator.control.add_fault(Fault("/cgi-bin/home", "status", login=uuid))
    assert browser.home(token).status_code == 500


def test_a_pattern_takes_in_many_endpoints_and_the_newest_fault_acts(
    browser: Browser, control: EmulatorControl
) -> None:
    control.add_fault(Fault("/cgi-bin/*", "status", status=503))
    control.add_fault(Fault(ASK, "status", status=500))
    assert browser.get("/").status_code == 200
    assert browser.qr().status_code == 503
    assert browser.http.get(browser.base_url + ASK, timeout=5).status_code == 500
    control.clear_faults()
    assert browser.qr().status_code == 200


@pytest.mark.parametrize("processed", [False, True])
def test_a_lost_answer_loses_the_session_only_when_wechat_had_done_its_work(
    browser: Browser, emulator: RunningEmulator, processed: bool
) -> None:
    emulator.control.scan_and_confirm(browser.started())
    emulator.control.add_fault(Fault(LOGIN, "drop", times=1, after_processing=processed))
    with pytest.raises(requests.ConnectionError):
        browser.finish()
    assert len(emulator.control.sessions()) == int(processed)
    assert ("redirect_url" in browser.finish().json()) is not processed


def test_an_impossible_fault_is_refused(control: EmulatorControl) -> None:
    kind: FaultKind = "drop"
    with pytest.raises(InvalidFaultError):
        Fault("/", kind, times=0)
    with pytest.raises(EmulatorRefusedError, match="no kind of fault") as refusal:
        control._call("POST", "/faults", {"endpoint": "/", "kind": "earthquake"})
    assert refusal.value.status == 400
    assert control.faults() == []
