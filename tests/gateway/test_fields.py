"""Fields that are wrong are named; what only looks wrong is taken."""

import datetime
import json
from typing import Any

import pytest
import requests
from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.activation.v1 import activation_service_pb2 as activation_pb
from fastmp.identity.v1 import identity_service_pb2 as identity_pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as cookie_pb
from tests.gateway.conftest import Gateway
from tests.gateway.error_shape import assert_error

NOON = "2026-01-02T12:00:00Z"
USER = "/admin/users/42"


def _assert_names(gateway: Gateway, answer: requests.Response, field: str) -> None:
    body = assert_error(answer, 400, 3, "MALFORMED_REQUEST")
    (violation,) = body["details"][1]["field_violations"]
    assert violation["field"] == field
    assert violation["description"]
    assert field in body["message"]
    assert body["details"][2]["request_id"] == answer.headers["x-request-id"]
    assert all(service.requests == [] for service in gateway.services.values())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expire_time": NOON}, "expire_time"),
        ({"role": "admin", "user_id": "43"}, "user_id"),
        ({"expired_time": {"x": ["}", {"y": '\\"]'}]}, "role": "admin"}, "expired_time"),
        ({"role": 5}, "role"),
        ({"role": {"a": 1}}, "role"),
        ({"role": ["admin"]}, "role"),
        ({"role": True}, "role"),
        ({"expired_time": "2026-01-02T12:00:00"}, "expired_time"),
        ({"expired_time": "2026-01-02"}, "expired_time"),
        ({"expired_time": "2026-13-02T12:00:00Z"}, "expired_time"),
        ({"expired_time": "tomorrow"}, "expired_time"),
        ({"expired_time": 1767355200}, "expired_time"),
        ({"名字": 1}, "??????"),
        ({'a"<b': 1}, "a???b"),
        ({"x" * 500: 1}, "x" * 64),
    ],
)
def test_a_wrong_field_of_a_body_is_named(gateway: Gateway, body: dict[str, Any], field: str) -> None:
    _assert_names(gateway, gateway.put(USER, data=json.dumps(body, ensure_ascii=False).encode()), field)


@pytest.mark.parametrize(
    "body",
    [
        '{expire_time: "2026-01-02T12:00:00Z"}',
        "{'expire_time': '2026-01-02T12:00:00Z'}",
        '{"role": "admin", expire_time: 1}',
        """{"role": 'admin', "expire_time": 1}""",
        '{"role": "admin",, "expire_time": 1}',
        '{"role": "admin"\f, "expire_time": 1}',
        '\v{"expire_time": 1}',
        '{"role": "admin", }',
        '{"role": "admin"',
        '{"role": "admin"} {"expire_time": 1}',
        "[]",
        "null",
    ],
)
def test_a_body_that_is_no_json_object_is_refused_whatever_the_transcoder_would_take(
    gateway: Gateway, body: str
) -> None:
    assert_error(gateway.put(USER, data=body.encode()), 400, 3, "MALFORMED_REQUEST")
    assert gateway.services["identity"].requests == []


@pytest.mark.parametrize("value", ["x", 1.5, 2**31, 1e300, True, {}, [], "1 day", "0x10", ""])
def test_a_number_that_is_none_is_named(gateway: Gateway, value: object) -> None:
    answer = gateway.post("/activation/generate", json={"valid_days": value, "count": 1})
    _assert_names(gateway, answer, "valid_days")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/admin/users?unknown=1", "unknown"),
        ("/admin/users?unknown=", "unknown"),
        ("/admin/users?page=1&x.y=1", "x.y"),
        ("/admin/users?page=one", "page"),
        ("/admin/users?page=99999999999", "page"),
        ("/admin/users?size=1.5", "size"),
        ("/admin/users?size=1e2", "size"),
        ("/admin/users?page=%205", "page"),
        ("/cookie/get?inline_qr=maybe", "inline_qr"),
        ("/cookie/watch?login_key=k&after_sequence=x", "after_sequence"),
    ],
)
def test_a_wrong_parameter_of_a_query_is_named(gateway: Gateway, path: str, field: str) -> None:
    _assert_names(gateway, gateway.get(path), field)


def test_empty_parameters_are_as_if_absent(gateway: Gateway) -> None:
    assert gateway.get("/admin/users?role=&page=&size=&activation_status=&email").status_code == 200
    assert gateway.get("/activation/list?&status=&page=2&email=a%2Bb+c&").status_code == 200
    assert gateway.get("/cookie/get?inline_qr=&wait_seconds=").status_code == 200
    assert gateway.get("/cookie/poll?login_key=").status_code == 200
    assert gateway.services["identity"].requests == [identity_pb.ListUsersRequest()]
    assert gateway.services["activation"].requests == [activation_pb.ListCodesRequest(page=2, email="a+b c")]
    assert gateway.services["wechat_cookie"].requests == [
        cookie_pb.BeginLoginRequest(),
        cookie_pb.PollLoginRequest(),
    ]


def test_a_byte_order_mark_before_a_body_is_skipped(gateway: Gateway) -> None:
    content = b'\xef\xbb\xbf{"email": "a", "password": "b"}'
    assert gateway.post("/auth/login", data=content).status_code == 200
    in_pieces = iter([content[:1], content[1:7], content[7:]])
    assert gateway.post("/auth/login", data=in_pieces).status_code == 200
    wanted = identity_pb.LoginRequest(email="a", password="b")
    assert gateway.services["identity"].requests == [wanted, wanted]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"role":"admin"}', identity_pb.UpdateUserRequest(role="admin")),
        (b' { "role" : "admin" , "password" : null } ', identity_pb.UpdateUserRequest(role="admin")),
        (
            b'{"role":"\\u4f60\\"},{","password":"\\\\"}',
            identity_pb.UpdateUserRequest(role='你"},{', password="\\"),
        ),
        (
            b'{"expiredTime":"2026-01-02T20:00:00.5+08:00","activationStatus":"active"}',
            identity_pb.UpdateUserRequest(
                activation_status="active",
                expired_time=Timestamp(
                    seconds=int(datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC).timestamp()),
                    nanos=500_000_000,
                ),
            ),
        ),
        (b"{}", identity_pb.UpdateUserRequest()),
        (b"", identity_pb.UpdateUserRequest()),
    ],
)
def test_what_protobufs_json_allows_is_taken(
    gateway: Gateway, body: bytes, wanted: identity_pb.UpdateUserRequest
) -> None:
    answer = gateway.put(USER, data=body)
    assert answer.status_code == 200, answer.text
    wanted.user_id = "42"
    assert gateway.services["identity"].requests == [wanted]


@pytest.mark.parametrize("word", ["true", "True", "1", "yes", "t", "false", "FALSE", "0", "no", "f"])
def test_a_boolean_of_a_query_may_be_written_as_before(gateway: Gateway, word: str) -> None:
    assert gateway.get(f"/cookie/get?inline_qr={word}").status_code == 200
    wanted = word.lower() in {"true", "1", "yes", "t"}
    assert gateway.services["wechat_cookie"].requests == [cookie_pb.BeginLoginRequest(inline_qr=wanted)]


@pytest.mark.parametrize("count", ["3", '"3"', "3.0", "3e0"])
def test_numbers_are_taken_as_protobufs_json_writes_them(gateway: Gateway, count: str) -> None:
    body = f'{{"valid_days": 30, "count": {count}}}'
    assert gateway.post("/activation/generate", data=body).status_code == 200
    assert gateway.services["activation"].requests[0].count == 3
