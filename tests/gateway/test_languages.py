"""Errors over REST, of services and gateway, are in the preferred language, with the same reasons in each."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from gateway.contract import Contract
from services.chassis.errors import ThrottledError
from services.chassis.language import Language, preferred
from tests.gateway.conftest import Gateway
from tests.gateway.stand_ins import ADMIN_TOKEN

CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = (
    "en",
    "EN-us",
    "en-GB,en;q=0.9,zh;q=0.1",
    "fr, de;q=0.8, ,en;q=0.5",
    "en ;q=0.5, zh-CN;q=0.1",
    "e, z, en",
)
NOT_ENGLISH = ("", "zh", "zh-CN,zh;q=0.9,en;q=0.8", "fr", "*", "fil, eng", "x-en", "fr,zh-TW,en")
# Of the gateway itself: by its local replies, by its Lua filters.
MADE_BY_THE_GATEWAY = (
    ("GET", "/nowhere", None, "PATH_NOT_FOUND"),
    ("GET", "/auth/me?x=1", None, "MALFORMED_REQUEST"),
    ("POST", "/auth/login", b"{", "MALFORMED_REQUEST"),
    ("POST", "/auth/login", b"x" * 2_000_000, "REQUEST_TOO_LARGE"),
    ("GET", "/admin/users?page=one", None, "MALFORMED_REQUEST"),
    ("POST", "/auth/login", b'{"unknown": 1}', "MALFORMED_REQUEST"),
)


def _body(answer: requests.Response, reason: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert body["details"][0]["reason"] == reason, body
    return body


@pytest.mark.parametrize(("method", "path", "content", "reason"), MADE_BY_THE_GATEWAY)
def test_the_gateways_own_errors(
    gateway: Gateway, method: str, path: str, content: bytes | None, reason: str
) -> None:
    for header, is_english in [(ENGLISH[0], True), (NOT_ENGLISH[0], False)]:
        answer = gateway.envoy.call(method, path, data=content, headers={"accept-language": header})
        assert bool(CHINESE.search(_body(answer, reason)["message"])) is not is_english


@pytest.mark.parametrize("path", ["/nowhere", "/admin/users?page=one"])
def test_the_first_of_the_two_languages_decides(gateway: Gateway, path: str) -> None:
    for header in (*ENGLISH, *NOT_ENGLISH):
        message = gateway.get(path, headers={"accept-language": header}).json()["message"]
        assert bool(CHINESE.search(message)) is (header not in ENGLISH), header
        # The services choose the same.
        assert preferred(header) is (Language.ENGLISH if header in ENGLISH else Language.CHINESE), header


def test_a_wrong_field_is_a_sentence(gateway: Gateway) -> None:
    sentences = {
        language: gateway.get("/admin/users?page=one", headers={"accept-language": language}).json()[
            "message"
        ]
        for language in ("zh", "en")
    }
    assert sentences == {
        "zh": "page 应为整数，最大 2147483647",
        "en": "page: must be a whole number, at most 2147483647",
    }


def _calls_with_a_value_of_a_wrong_type() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each field of each body, and each parameter that is no text; what is sent is of no field's type."""
    contract = Contract.load()
    for rpc in contract.rpcs:
        path = re.sub(r"{\w+}", "x", rpc.template)
        for field in contract.messages[rpc.request].field:
            if rpc.takes_body and field.name not in rpc.variables:
                yield (
                    rpc.verb,
                    path,
                    {"json": {field.name: "x" if field.label == field.LABEL_REPEATED else ["x"]}},
                )
            elif field.name in rpc.query_fields and field.type != field.TYPE_STRING:
                yield rpc.verb, path, {"params": {field.name: "x"}}


def test_every_field_of_a_wrong_type_is_a_sentence(gateway: Gateway) -> None:
    calls = list(_calls_with_a_value_of_a_wrong_type())
    assert len(calls) > 30
    for verb, path, sent in calls:
        (field,) = next(iter(sent.values()))
        for language, form in (("zh", rf"{field} 应为[^a-z]*.*"), ("en", rf"{field}: must be .*[^.]")):
            headers = {"accept-language": language}
            answer = gateway.envoy.call(verb, path, ADMIN_TOKEN, headers=headers, **sent)
            body = _body(answer, "MALFORMED_REQUEST")
            assert re.fullmatch(form, body["message"]), (path, body)
            assert body["details"][1]["field_violations"] == [
                {"field": field, "description": body["message"]}
            ]


def test_a_services_error(gateway: Gateway) -> None:
    def refuse(*_: object) -> None:
        raise ThrottledError

    gateway.services["identity"].answers["Login"] = refuse
    for header, message in (
        ("en-US,en;q=0.9", "Too many requests; try again later"),
        ("zh-CN,en;q=0.5", "请求过于频繁，请稍后再试"),
    ):
        answer = gateway.post("/auth/login", json={}, headers={"accept-language": header})
        assert _body(answer, "THROTTLED")["message"] == message
