"""What is wrong is refused in the one shape, before any service does anything."""

import socket

import grpc
import pytest
import requests
from google.api import httpbody_pb2

from fastmp.identity.v1 import identity_service_pb2, identity_service_pb2_grpc
from tests.gateway.conftest import Gateway
from tests.gateway.error_shape import ERROR_INFO, assert_error
from tests.gateway.stand_ins import ADMIN_TOKEN

GRPC_CONTENT_TYPES = (
    "application/grpc",
    "application/grpc+proto",
    "application/grpc-web",
    "Application/GRPC",
)


def _assert_malformed(gateway: Gateway, answer: requests.Response) -> None:
    assert_error(answer, 400, 3, "MALFORMED_REQUEST")
    assert gateway.services["identity"].requests == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"email":',
        b"not json",
        b'{"email":"a"} {"email":"b"}',
        b'{"email":"a"} rest',
        b'["a"]',
        b'"a"',
        b'{"email":5}',
        b'{"email":{"a":1}}',
        b'{"email":["a","b"]}',
        b'{"email":"\xff\xfe"}',
        b'{"email":"\\ud800"}',
        b'{"email":"\x01',
        b"\x00",
        b"[" * 10_000,
        b'{"a":' * 10_000,
    ],
)
def test_a_body_that_is_not_the_message_is_400(gateway: Gateway, body: bytes) -> None:
    _assert_malformed(gateway, gateway.post("/auth/register", data=body))


@pytest.mark.parametrize(
    "path",
    [
        "/auth/me?unknown=1",
        "/admin/users?unknown=1",
        "/admin/users?page=1&unknown=1",
        "/admin/users?page=one",
        "/admin/users?page=99999999999",
        "/admin/users?page=1&page=2",
        "/admin/users?page_token.x=1",
        "/admin/users/42?user_id=43",
    ],
)
def test_a_query_that_the_path_does_not_take_is_400(gateway: Gateway, path: str) -> None:
    _assert_malformed(gateway, gateway.get(path))


def test_a_body_cannot_be_filled_in_by_the_query(gateway: Gateway) -> None:
    _assert_malformed(gateway, gateway.post("/auth/login?password=secret", json={"email": "a"}))


def test_a_body_cannot_contradict_the_path(gateway: Gateway) -> None:
    _assert_malformed(gateway, gateway.put("/admin/users/42", json={"user_id": "43", "role": "admin"}))


def test_a_time_that_is_none_is_400(gateway: Gateway) -> None:
    _assert_malformed(gateway, gateway.put("/admin/users/42", json={"expired_time": "tomorrow"}))


@pytest.mark.parametrize(
    "target",
    [
        "/admin/users/%ff%fe",
        "/admin/users/%C0%AF",
        "/admin/users/%ED%A0%80",
        "/admin/users/%F4%90%80%80",
        "/admin/users/%E4%BD",
        "/admin/users/%zz",
        "/admin/users?email=%FF",
        "/admin/users/a%2Fb",
        "/admin/users/a%5Cb",
        "/admin/users/a%00b",
        "/admin/users/../../auth/me%2F",
        "/auth/m\u00e9",
        "/auth/me\x00",
        "/auth/me#fragment",
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_400(gateway: Gateway, target: str) -> None:
    status, head, body = _raw(
        gateway, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert status == 400
    assert b"content-type: application/json" in head
    assert b"MALFORMED_REQUEST" in body
    assert gateway.services["identity"].requests == []


def test_control_characters_reach_the_service_for_a_verdict_that_names_the_field(gateway: Gateway) -> None:
    gateway.get("/admin/users?email=%00")
    assert gateway.services["identity"].requests[0].email == "\x00"


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/nope"),
        ("GET", "/nope?x=1"),
        ("GET", "/auth/me/"),
        ("GET", "/admin/users/42/more"),
        ("GET", "/static/cookies/12/cookie.json"),
        ("GET", "/static/cookies/12/gzhcookies.cookie"),
        ("GET", "/static/cookies/"),
        ("POST", "/auth/me"),
        ("GET", "/auth/login"),
        ("PATCH", "/admin/users/42"),
        ("DELETE", "/auth/me"),
        ("OPTIONS", "/auth/me"),
        ("TRACE", "/auth/me"),
        ("PUT", "/health"),
        ("POST", "/openapi.json"),
        ("POST", "/fastmp.identity.v1.IdentityService/GetMe"),
        ("POST", "/fastmp.identity.v1.IdentityService/Authenticate"),
        ("POST", "/fastmp.wechat_cookie.v1.WeChatCookieService/AcquireCookie"),
        ("POST", "/grpc.health.v1.Health/Check"),
    ],
)
def test_what_is_no_path_and_verb_of_the_contract_is_404(gateway: Gateway, verb: str, path: str) -> None:
    assert_error(gateway.envoy.call(verb, path, ADMIN_TOKEN), 404, 5, "PATH_NOT_FOUND")
    assert all(service.requests == [] for service in gateway.services.values())


@pytest.mark.parametrize("content_type", GRPC_CONTENT_TYPES)
@pytest.mark.parametrize("path", ["/fastmp.identity.v1.IdentityService/GetMe", "/auth/login"])
def test_a_native_grpc_request_reaches_no_service(gateway: Gateway, path: str, content_type: str) -> None:
    answer = gateway.post(path, data=b"\0\0\0\0\0", headers={"content-type": content_type})
    assert answer.headers.get("grpc-status") == "12" or answer.status_code == 404
    assert gateway.services["identity"].requests == []


def test_a_preflight_is_no_way_round_for_native_grpc(gateway: Gateway) -> None:
    path = "/fastmp.activation.v1.ActivationService/ListCodes"
    headers = {
        "content-type": "application/grpc",
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
    }
    answer = gateway.envoy.call("OPTIONS", path, ADMIN_TOKEN, data=b"\0\0\0\0\0", headers=headers)
    assert answer.headers["grpc-status"] == "12"
    assert gateway.services["activation"].requests == []


def test_a_grpc_client_is_told_that_nothing_here_is_grpc(gateway: Gateway) -> None:
    with grpc.insecure_channel(gateway.envoy.address) as channel:
        stub = identity_service_pb2_grpc.IdentityServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.Authenticate(identity_service_pb2.AuthenticateRequest(token="x"), timeout=10)
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert gateway.services["identity"].requests == []


def test_a_body_over_the_limit_is_413_and_one_at_the_limit_is_not(gateway: Gateway) -> None:
    padding = 64 * 1024 - len('{"email":""}')
    assert gateway.post("/auth/register", data=f'{{"email":"{"a" * padding}"}}').status_code == 200
    too_large = f'{{"email":"{"a" * (padding + 1)}"}}'
    assert_error(gateway.post("/auth/register", data=too_large), 413, 3, "REQUEST_TOO_LARGE")
    in_pieces = iter([too_large[:100].encode(), too_large[100:].encode()])
    assert_error(gateway.post("/auth/register", data=in_pieces), 413, 3, "REQUEST_TOO_LARGE")
    assert len(gateway.services["identity"].requests) == 1


def test_huge_or_very_many_headers_are_431(gateway: Gateway) -> None:
    large = {"x-large": "a" * 61 * 1024}
    assert_error(gateway.get("/auth/me", headers=large), 431, 3, "HEADERS_TOO_LARGE")
    many = {f"x-{number}": "1" for number in range(100)}
    assert_error(gateway.get("/auth/me", headers=many), 431, 3, "HEADERS_TOO_LARGE")


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /auth/me HTTP/1.1\r\n\r\n", 400),
        (b"GET /auth/me HTTP/1.1\r\nHost: x\r\nA\x00b: c\r\n\r\n", 400),
        (b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 404),
    ],
)
def test_broken_http_is_refused_in_the_same_shape(
    gateway: Gateway, request_bytes: bytes, expected: int
) -> None:
    status, head, body = _raw(gateway, request_bytes)
    assert status == expected
    assert b"content-type: application/json" in head
    assert ERROR_INFO.encode() in body
    assert gateway.services["identity"].requests == []


@pytest.mark.parametrize(
    "head",
    [
        # As nginx, ab and old monitors do.
        b"HTTP/1.0\r\n",
        b"HTTP/1.0\r\nHost: x\r\nConnection: close\r\n",
        # As Apache HttpClient does with every call.
        b"HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
        b"HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        b"HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n",
    ],
)
def test_old_http_and_offers_of_another_protocol_are_answered(gateway: Gateway, head: bytes) -> None:
    authorization = f"Authorization: Bearer {ADMIN_TOKEN}\r\n".encode()
    status, _, _ = _raw(gateway, b"GET /auth/me " + head + authorization + b"\r\n")
    assert status == 200
    assert len(gateway.services["identity"].requests) == 1
    assert "upgrade" not in gateway.services["identity"].metadata[0]


def test_a_whole_answer_of_unknown_length_comes_to_http_1_0(gateway: Gateway) -> None:
    blocks = [httpbody_pb2.HttpBody(content_type="text/csv", data=b"{") for _ in range(3)]
    blocks.append(httpbody_pb2.HttpBody(data=b"}}}"))
    gateway.services["activation"].answers["ExportCodes"] = lambda *_: blocks
    request = f"GET /activation/export HTTP/1.0\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n\r\n"
    status, head, body = _raw(gateway, request.encode())
    assert (status, body) == (200, b"{{{}}}")
    assert b"transfer-encoding" not in head


@pytest.mark.parametrize("path", ["/auth/me", "/health", "/"])
def test_many_cookies_of_other_programs_do_no_harm(gateway: Gateway, path: str) -> None:
    answer = gateway.get(
        path, headers={"cookie": "; ".join(f"c{number}={'x' * 500}" for number in range(110))}
    )
    assert answer.status_code == 200
    for metadata in gateway.services["identity"].metadata:
        assert "cookie" not in metadata


def test_other_headers_up_to_the_limit_reach_the_service(gateway: Gateway) -> None:
    assert gateway.get("/auth/me", headers={"x-large": "a" * 58 * 1024}).status_code == 200


def _raw(gateway: Gateway, request: bytes) -> tuple[int, bytes, bytes]:
    """Sends bytes as they are; returns status, head and body of the answer."""
    received = b""
    with socket.create_connection(("127.0.0.1", gateway.envoy.port), timeout=10) as connection:
        connection.sendall(request)
        while b"}" not in received or received.count(b"{") != received.count(b"}"):
            piece = connection.recv(65536)
            if not piece:
                break
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.lower(), body
