"""How answers look on REST."""

import datetime
from collections.abc import Iterator

from google.api import httpbody_pb2

from fastmp.activation.v1 import activation_service_pb2 as activation_pb
from fastmp.identity.v1 import identity_service_pb2 as identity_pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as cookie_pb
from services.chassis.errors import InvalidArgumentError, ThrottledError
from services.chassis.language import Localized
from services.chassis.violations import violation
from tests.gateway.conftest import Gateway
from tests.gateway.error_shape import RETRY_INFO, assert_error


def test_fields_keep_their_proto_names_and_absent_optional_ones_are_left_out(gateway: Gateway) -> None:
    answers = gateway.services["activation"].answers
    answers["ListCodes"] = lambda *_: activation_pb.ListCodesResponse(
        items=[activation_pb.Code(id="1", activation_code="a" * 32)]
    )
    assert gateway.get("/activation/list").json() == {
        "items": [
            {
                "id": "1",
                "activation_code": "a" * 32,
                "valid_days": 0,
                "activation_status": "",
                "days_from": "",
            }
        ],
        "total": 0,
        "page": 0,
        "size": 0,
    }


def test_false_zero_and_empty_lists_are_answers_and_are_printed(gateway: Gateway) -> None:
    answers = gateway.services["wechat_cookie"].answers
    answers["GetCurrentCookie"] = lambda *_: cookie_pb.Cookie(token="1")
    assert gateway.get("/cookie/current").json()["is_current"] is False
    assert gateway.get("/cookie/list").json() == {"items": []}


def test_a_present_optional_field_is_printed_even_when_empty(gateway: Gateway) -> None:
    answer = cookie_pb.BeginLoginResponse(status="pending", qrcode_base64="")
    gateway.services["wechat_cookie"].answers["BeginLogin"] = lambda *_: answer
    assert gateway.get("/cookie/get").json()["qrcode_base64"] == ""


def test_times_are_rfc_3339(gateway: Gateway) -> None:
    account = identity_pb.Account(id="1")
    account.expired_time.FromJsonString("2026-01-02T03:04:05Z")
    gateway.services["identity"].answers["GetMe"] = lambda *_: account
    assert gateway.get("/auth/me").json()["expired_time"] == "2026-01-02T03:04:05Z"


def test_path_query_and_body_arrive_as_fields(gateway: Gateway) -> None:
    requests = gateway.services["identity"].requests
    gateway.get("/admin/users/%E4%BD%A0%20x")
    gateway.put("/admin/users/42", json={"role": "admin"})
    gateway.get("/admin/users?email=a%2Bb+c&page=2")
    assert requests == [
        identity_pb.GetUserRequest(user_id="你 x"),
        identity_pb.UpdateUserRequest(user_id="42", role="admin"),
        identity_pb.ListUsersRequest(email="a+b c", page=2),
    ]


def test_a_service_error_keeps_its_reason_details_and_message(gateway: Gateway) -> None:
    def refuse(*_: object) -> None:
        raise InvalidArgumentError((violation("email", Localized("格式不正确", "must be an address")),))

    gateway.services["identity"].answers["Register"] = refuse
    body = assert_error(gateway.post("/auth/register", json={}), 400, 3, "INVALID_ARGUMENT")
    assert body["details"][1]["field_violations"][0]["field"] == "email"


def test_a_throttled_call_is_429_with_the_time_to_wait(gateway: Gateway) -> None:
    def refuse(*_: object) -> None:
        raise ThrottledError(retry_after=datetime.timedelta(minutes=2, milliseconds=1))

    gateway.services["identity"].answers["Login"] = refuse
    answer = gateway.post("/auth/login", json={})
    body = assert_error(answer, 429, 8, "THROTTLED")
    assert {"@type": RETRY_INFO, "retry_delay": "121s"} in body["details"]
    assert answer.headers["retry-after"] == "121"


def test_a_throttled_stream_is_429_with_the_time_to_wait_too(gateway: Gateway) -> None:
    def refuse(*_: object) -> Iterator[httpbody_pb2.HttpBody]:
        raise ThrottledError(retry_after=datetime.timedelta(seconds=10))
        yield

    gateway.services["activation"].answers["ExportCodes"] = refuse
    answer = gateway.get("/activation/export")
    assert_error(answer, 429, 8, "THROTTLED")
    assert answer.headers["retry-after"] == "10"


def test_a_missing_or_worthless_token_is_401(gateway: Gateway) -> None:
    assert_error(gateway.get("/auth/me", token=None), 401, 16, "TOKEN_MISSING")
    assert_error(gateway.get("/auth/me", token="nonsense"), 401, 16, "TOKEN_INVALID")


def test_a_fault_of_a_service_tells_nothing_of_itself(gateway: Gateway) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    gateway.services["identity"].answers["GetMe"] = fail
    answer = gateway.get("/auth/me")
    assert_error(answer, 500, 13, "INTERNAL")
    assert "secret" not in answer.text


def test_an_image_comes_as_its_bytes_and_content_type(gateway: Gateway) -> None:
    picture = httpbody_pb2.HttpBody(content_type="image/jpeg", data=b"\xff\xd8\xff\x00")
    gateway.services["wechat_cookie"].answers["GetAvatar"] = lambda *_: picture
    answer = gateway.get("/static/cookies/12/avatar.jpg")
    assert (answer.headers["content-type"], answer.content) == ("image/jpeg", b"\xff\xd8\xff\x00")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_largest_batch_of_codes_fits_into_one_answer(gateway: Gateway) -> None:
    code = activation_pb.Code(
        id="7d4e2a52-5c1e-4a55-9a63-0d5a0c0a4a11", activation_code="f" * 32, valid_days=3650
    )
    code.create_time.GetCurrentTime()
    code.update_time.GetCurrentTime()
    batch = activation_pb.GenerateCodesResponse(codes=[code] * 10_000)
    gateway.services["activation"].answers["GenerateCodes"] = lambda *_: batch
    answer = gateway.post("/activation/generate", json={"count": 10_000, "valid_days": 3650})
    assert len(answer.json()["codes"]) == 10_000
