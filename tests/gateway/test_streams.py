"""Event streams and downloads: nothing is held back, nothing is lost."""

import functools
import http.client
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
import requests
from google.api import httpbody_pb2

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis.access import AccountNotActivatedError
from services.chassis.errors import DatabaseUnavailableError, DomainError
from services.chassis.interceptors.deadline import DeadlineExceededError
from tests.gateway.conftest import Gateway, StartGateway, route
from tests.gateway.error_shape import RETRY_INFO, assert_error
from tests.gateway.stand_ins import ADMIN_TOKEN, MAX_STREAMS, OTHER_TOKENS
from tests.support.waiting import wait_until

WATCH = "/cookie/watch?login_key=k"


def _open(
    gateway: Gateway, path: str, token: str = ADMIN_TOKEN
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(gateway.envoy.address, timeout=15)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"})
    return connection, connection.getresponse()


def _event(response: http.client.HTTPResponse) -> dict[str, object]:
    line = response.readline().decode()
    assert line.startswith("data: ")
    assert response.readline() == b"\n"
    event: dict[str, object] = json.loads(line.removeprefix("data: "))
    return event


def test_an_event_reaches_the_client_while_the_stream_goes_on(gateway: Gateway) -> None:
    seen = threading.Event()

    def events(*_: object) -> object:
        yield pb.LoginEvent(sequence=1, login_key="k", progress=pb.LoginProgress(stage="preparing"))
        # Goes on only after the client has read the first event: a gateway that held it back would fail here.
        assert seen.wait(15)
        yield pb.LoginEvent(
            sequence=2, login_key="k", failure=pb.LoginFailure(reason="QR_EXPIRED", message="过期")
        )

    gateway.services["wechat_cookie"].answers["StartLogin"] = events
    connection, response = _open(gateway, "/cookie/login")
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    assert response.headers["content-encoding"] is None
    first = {"sequence": 1, "login_key": "k", "progress": {"stage": "preparing", "message": ""}}
    assert _event(response) == first
    seen.set()
    last = _event(response)
    assert last["failure"] == {"reason": "QR_EXPIRED", "message": "过期", "retryable": False}
    assert response.read() == b""
    connection.close()


def test_a_failure_says_which_part_of_the_connection_to_wechat_failed(gateway: Gateway) -> None:
    part = pb.FailedPart(part="tls", detail="certificate_expired")
    failure = pb.LoginFailure(reason="WECHAT_UNREACHABLE", failed_part=part)
    polled = pb.PollLoginResponse(status="failed", reason="WECHAT_UNREACHABLE", failed_part=part)
    answers = gateway.services["wechat_cookie"].answers
    answers["StartLogin"] = lambda *_: [pb.LoginEvent(sequence=2, login_key="k", failure=failure)]
    answers["PollLogin"] = lambda *_: polled
    connection, response = _open(gateway, "/cookie/login")
    event = _event(response)["failure"]
    assert isinstance(event, dict)
    expected = {"part": "tls", "detail": "certificate_expired"}
    assert event["failed_part"] == gateway.get("/cookie/poll?login_key=k").json()["failed_part"] == expected
    connection.close()


def test_a_heartbeat_and_a_picture_come_as_they_are(gateway: Gateway) -> None:
    picture = pb.LoginQrCode(image=b"\x00\xff", content_type="image/png")
    events = [
        pb.LoginEvent(sequence=1, login_key="k", qr_code=picture),
        pb.LoginEvent(sequence=1, login_key="k", heartbeat=pb.LoginHeartbeat()),
    ]
    gateway.services["wechat_cookie"].answers["WatchLogin"] = lambda *_: events
    connection, response = _open(gateway, "/cookie/watch?login_key=k&after_sequence=0")
    qr_code = _event(response)["qr_code"]
    assert qr_code == {"image": "AP8=", "content_type": "image/png", "refresh_count": 0}
    assert _event(response)["heartbeat"] == {}
    connection.close()


def test_a_stream_that_is_refused_before_its_first_event_is_an_ordinary_error(gateway: Gateway) -> None:
    def refuse(*_: object) -> object:
        raise AccountNotActivatedError

    gateway.services["wechat_cookie"].answers["StartLogin"] = refuse
    assert_error(gateway.get("/cookie/login"), 403, 7, "ACCOUNT_NOT_ACTIVATED")


@pytest.fixture
def watching(gateway: Gateway) -> Iterator[Callable[[str], http.client.HTTPConnection]]:
    """Opens a stream with a token. The stream's first event has come, and no other comes before the test ends."""
    over = threading.Event()

    def events(_: object, context: grpc.ServicerContext) -> object:
        gone = threading.Event()
        context.add_callback(gone.set)
        yield pb.LoginEvent(sequence=1, login_key="k")
        wait_until(lambda: over.is_set() or gone.is_set(), "the stream has ended")

    gateway.services["wechat_cookie"].answers["WatchLogin"] = events
    with ExitStack() as stack:

        def watch(token: str) -> http.client.HTTPConnection:
            connection, response = _open(gateway, WATCH, token)
            stack.callback(connection.close)
            # To its end, so that the service has released the stream before the next test.
            stack.callback(response.read)
            assert response.status == 200
            _event(response)
            return connection

        yield watch
        over.set()


def assert_too_many_streams(answer: requests.Response) -> None:
    body = assert_error(answer, 429, 8, "TOO_MANY_STREAMS")
    assert body["details"][1] == {"@type": RETRY_INFO, "retry_delay": "2s"}
    assert answer.headers["retry-after"] == "2"


def test_the_ninth_stream_of_an_account_is_429_until_one_of_the_eight_ends(
    gateway: Gateway, watching: Callable[[str], http.client.HTTPConnection]
) -> None:
    streams = [watching(ADMIN_TOKEN) for _ in range(8)]
    assert_too_many_streams(gateway.get(WATCH))
    watching(OTHER_TOKENS[0])
    streams[0].close()

    def has_room() -> bool:
        with gateway.get(WATCH, stream=True) as answer:
            return answer.status_code == 200

    wait_until(has_room, "there is room for another")


def test_errors_keep_their_shape_while_all_streams_of_a_service_are_taken(
    gateway: Gateway, watching: Callable[[str], http.client.HTTPConnection]
) -> None:
    for number in range(MAX_STREAMS):
        watching(OTHER_TOKENS[number % len(OTHER_TOKENS)])
    assert_too_many_streams(gateway.get(WATCH))
    answers = gateway.services["wechat_cookie"].answers
    for error, status in ((DatabaseUnavailableError(), 503), (DeadlineExceededError(), 504)):
        answers["ListCookies"] = functools.partial(_raise, error)
        assert_error(gateway.get("/cookie/list"), status, error.code.value[0], error.reason)
    del answers["ListCookies"]
    assert gateway.get("/cookie/list").status_code == 200


def _raise(error: DomainError, *_: object) -> None:
    raise error


def test_the_service_learns_that_the_client_hung_up(gateway: Gateway) -> None:
    gone = threading.Event()

    def events(_: object, context: grpc.ServicerContext) -> object:
        context.add_callback(gone.set)
        yield pb.LoginEvent(sequence=1, login_key="k")
        gone.wait(15)

    gateway.services["wechat_cookie"].answers["StartLogin"] = events
    connection, response = _open(gateway, "/cookie/login")
    _event(response)
    response.close()
    connection.close()
    wait_until(gone.is_set, "the servicer's call is ended")


def test_a_stream_outlives_the_limit_of_ordinary_calls_and_is_ended_by_silence(
    start_gateway: StartGateway,
) -> None:
    def edit(configuration: Any) -> None:
        action = route(configuration, "WeChatCookieService.StartLogin")["route"]
        assert (action["timeout"], action["idle_timeout"]) == ("0s", "60s")
        action["idle_timeout"] = "0.5s"

    gateway = start_gateway(edit=edit)
    gone = threading.Event()

    def events(_: object, context: grpc.ServicerContext) -> object:
        context.add_callback(gone.set)
        yield pb.LoginEvent(sequence=1, login_key="k")
        gone.wait(15)

    gateway.services["wechat_cookie"].answers["StartLogin"] = events
    connection, response = _open(gateway, "/cookie/login")
    _event(response)
    wait_until(gone.is_set, "the idle stream is ended")
    connection.close()


def test_a_download_of_any_size_arrives_whole_with_its_name(gateway: Gateway) -> None:
    line = b"id,activation_code\r\n" * 1000

    def rows(_: object, context: grpc.ServicerContext) -> object:
        context.send_initial_metadata(
            (("content-disposition", 'attachment; filename="activation_codes.csv"'),)
        )
        for _number in range(2000):
            yield httpbody_pb2.HttpBody(content_type="text/csv; charset=utf-8", data=line)

    gateway.services["activation"].answers["ExportCodes"] = rows
    answer = gateway.get("/activation/export?status=pending", stream=True)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="activation_codes.csv"'
    assert sum(len(chunk) for chunk in answer.iter_content(1 << 20)) == 2000 * len(line)


def _fail(context: grpc.ServicerContext) -> None:
    raise DatabaseUnavailableError


def _cancel(context: grpc.ServicerContext) -> None:
    # As grpc itself does when a server stops and its grace is over.
    context.cancel()


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize("fail", [_fail, _cancel])
def test_a_download_that_fails_after_its_first_block_is_reset(
    gateway: Gateway, protocol: str, fail: Callable[[grpc.ServicerContext], None]
) -> None:
    whole = threading.Event()

    def rows(_: object, context: grpc.ServicerContext) -> object:
        context.send_initial_metadata((("content-disposition", "attachment"),))
        yield httpbody_pb2.HttpBody(content_type="text/csv", data=b"id\r\n")
        yield httpbody_pb2.HttpBody(data=b"1\r\n")
        if not whole.is_set():
            fail(context)

    gateway.services["activation"].answers["ExportCodes"] = rows
    assert _curl(gateway, "/activation/export", protocol) != 0
    whole.set()
    assert _curl(gateway, "/activation/export", protocol) == 0


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
def test_events_that_end_with_an_error_are_reset(gateway: Gateway, protocol: str) -> None:
    def events(*_: object) -> object:
        yield pb.LoginEvent(sequence=1, login_key="k")
        raise DatabaseUnavailableError

    gateway.services["wechat_cookie"].answers["StartLogin"] = events
    assert _curl(gateway, "/cookie/login", protocol) != 0


def _curl(gateway: Gateway, path: str, protocol: str) -> int:
    """The exit status of curl, which is not 0 when an answer is cut short."""
    command = ["curl", "--silent", protocol, "--max-time", "20", "--output", os.devnull]
    authorization = f"authorization: Bearer {ADMIN_TOKEN}"
    url = f"http://{gateway.envoy.address}{path}"
    return subprocess.run([*command, "--header", authorization, url], check=False).returncode
