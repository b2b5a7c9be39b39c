"""The OpenAPI document says what the protos say."""

import datetime
import json
import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway.contract import Contract
from gateway.openapi import document
from gateway.openapi.comments import comments_of
from gateway.openapi.constraints import constraints_of
from gateway.openapi.examples import CSV
from services.activation.codes.export import _rows
from services.activation.codes.listing import Filter


@pytest.fixture(scope="module")
def described() -> Any:
    return document(Contract.load())


def _operations(described: Any) -> Iterator[tuple[str, str, Any]]:
    for path, verbs in described["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def _operation(described: Any, verb: str, path: str) -> Any:
    return described["paths"][path][verb]


def test_it_is_valid_openapi_3_1(described: Any) -> None:
    validate(described)
    assert described["openapi"] == "3.1.0"


def test_every_operation_tells_who_may_call_and_what_it_does(described: Any) -> None:
    operations = [one for verbs in described["paths"].values() for one in verbs.values()]
    assert len(operations) == len(Contract.load().rpcs) + 3
    for operation in operations:
        assert operation["summary"]
        assert operation["x-access"] in {"public", "signed_in", "active", "admin"}
        assert operation["security"] == ([] if operation["x-access"] == "public" else [{"bearer": []}])


def test_every_field_and_parameter_is_explained(described: Any) -> None:
    for name, schema in described["components"]["schemas"].items():
        if name not in {"Health", "Error"}:
            assert [field for field, one in schema["properties"].items() if not one.get("description")] == []
    for verbs in described["paths"].values():
        for operation in verbs.values():
            assert all(parameter["description"] for parameter in operation.get("parameters", []))


def test_a_body_leaves_out_what_the_path_carries(described: Any) -> None:
    operation = _operation(described, "put", "/admin/users/{user_id}")
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"password", "role", "activation_status", "expired_time"}
    assert [(one["name"], one["in"], one["required"]) for one in operation["parameters"]] == [
        ("user_id", "path", True)
    ]


def test_what_a_body_may_leave_out_may_be_null(described: Any) -> None:
    operation = _operation(described, "post", "/admin/users")
    fields = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert (fields["role"]["type"], fields["role"]["enum"]) == (["string", "null"], ["admin", "user", None])
    assert fields["email"]["type"] == "string"
    assert operation["requestBody"]["required"]
    assert not _operation(described, "post", "/auth/logout")["requestBody"]["required"]


def test_query_parameters_are_optional_where_the_proto_says_so(described: Any) -> None:
    watch = _operation(described, "get", "/cookie/watch")["parameters"]
    assert [(one["name"], one["in"], one["required"]) for one in watch] == [
        ("login_key", "query", True),
        ("after_sequence", "query", False),
    ]


def test_types_are_those_of_protobufs_json(described: Any) -> None:
    schemas = described["components"]["schemas"]
    assert schemas["Account"]["properties"]["expired_time"]["format"] == "date-time"
    assert schemas["Account"]["required"] == ["id", "email", "role", "activation_status"]
    assert schemas["LoginQrCode"]["properties"]["image"]["contentEncoding"] == "base64"
    assert schemas["LoginEvent"]["required"] == ["sequence", "login_key"]
    assert schemas["ListCodesResponse"]["properties"]["items"]["items"] == {
        "$ref": "#/components/schemas/Code"
    }


def test_streams_files_and_pictures_have_their_content_types(described: Any) -> None:
    def content(path: str) -> Any:
        return _operation(described, "get", path)["responses"]["200"]["content"]

    stream = content("/cookie/login")["text/event-stream"]
    whole, event = stream["schema"]["anyOf"]
    assert whole == {"type": "string"}
    assert event["properties"]["data"]["contentSchema"] == {"$ref": "#/components/schemas/LoginEvent"}
    assert list(content("/activation/export")) == ["text/csv"]
    assert list(content("/static/cookies/{token}/avatar.jpg")) == ["image/*", "application/octet-stream"]


def test_every_call_has_an_example_that_its_schema_allows(described: Any) -> None:
    checked = 0
    for path, verb, operation in _operations(described):
        needed = [one for one in operation.get("parameters", []) if one["required"]]
        examples = [(one["schema"], one["example"]) for one in needed]
        if "requestBody" in operation:
            body = operation["requestBody"]["content"]["application/json"]
            examples.append((body["schema"], body["example"]))
        for kind, media in operation["responses"]["200"]["content"].items():
            if kind not in {"image/*", "application/octet-stream"}:
                examples.append((media["schema"], media["example"]))
        for schema, example in examples:
            checked += 1
            whole = {**schema, "components": described["components"]}
            errors = [error.message for error in Draft202012Validator(whole).iter_errors(example)]
            assert not errors, (verb, path, errors)
            assert example != "example", (verb, path)
    assert checked > 50


def test_an_event_of_a_stream_is_an_example_of_its_message(described: Any) -> None:
    stream = described["paths"]["/cookie/login"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    event = json.loads(stream["example"].removeprefix("data: "))
    whole = {"$ref": "#/components/schemas/LoginEvent", "components": described["components"]}
    Draft202012Validator(whole).validate(event)


def test_the_example_of_the_csv_has_its_columns() -> None:
    exported = _rows(Filter(), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    assert CSV.splitlines()[0].split(",") == exported.selected_columns.keys()


def test_a_header_that_callers_may_use_is_named(described: Any) -> None:
    exported = _operation(described, "get", "/activation/export")["responses"]["200"]
    assert list(exported["headers"]) == ["x-fastmp-rows"]


def test_errors_are_those_of_the_comments_and_of_the_gateway(described: Any) -> None:
    responses = _operation(described, "post", "/activation/activate")["responses"]
    reasons = {status: response["description"] for status, response in responses.items()}
    assert "`CODE_ALREADY_USED`" in reasons["400"]
    assert "`TOKEN_EXPIRED`" in reasons["401"]
    assert "403" not in reasons
    assert "`CODE_NOT_FOUND`" in reasons["404"]
    assert reasons["413"] == "Reasons: `REQUEST_TOO_LARGE`"
    assert "`ACTIVATION_THROTTLED`" in reasons["429"]
    assert "`IDENTITY_UNAVAILABLE`" in reasons["503"]
    assert "401" not in _operation(described, "get", "/health")["responses"]
    for path in ("/admin/users", "/activation/list", "/admin/audit/wechat_cookie"):
        assert (
            _operation(described, "get", path)["responses"]["403"]["description"]
            == "Reasons: `ADMIN_REQUIRED`, `SECOND_FACTOR_REQUIRED`"
        )
    assert (
        "`TOO_MANY_LOGINS`, `LOGIN_STARTS_THROTTLED`, `TOO_MANY_STREAMS`"
        in (_operation(described, "get", "/cookie/get")["responses"]["429"]["description"])
    )
    login = _operation(described, "post", "/auth/login")["responses"]
    assert login["401"]["description"] == (
        "Reasons: `WRONG_CREDENTIALS`, `SECOND_FACTOR_NEEDED`, `WRONG_SECOND_FACTOR`"
    )


def test_every_code_that_a_call_fails_with_has_its_reasons_in_parentheses() -> None:
    # CANCELLED is also a reason, why a login fails.
    codes = "|".join(code.name for code in grpc.StatusCode if code is not grpc.StatusCode.CANCELLED)
    for name, comment in comments_of(Contract.load().files).items():
        assert not re.search(rf"[Ff]ails? with ({codes})\b(?! \()", comment), name
        # The reference cannot follow "as another call".
        assert not re.search(r"[Ff]ails? as\b", comment), name


@pytest.mark.parametrize(
    ("comment", "json_type", "expected"),
    [
        ('"admin" or "user"; default "user".', "string", {"enum": ["admin", "user"]}),
        ('"now": from now. "expiry": from the end.', "string", {}),
        ('"ok", or the reason of the refusal.', "string", {}),
        ('"a", "b" or something else.', "string", {}),
        ('Always "ok".', "string", {"const": "ok"}),
        ("6 to 128 characters.", "string", {"minLength": 6, "maxLength": 128}),
        ("An e-mail address of at most 254 characters.", "string", {"maxLength": 254}),
        ("1 to 200; default 50.", "integer", {"minimum": 1, "maximum": 200, "default": 50}),
        ("From 1; default 1. Not together with page_token.", "integer", {"minimum": 1, "default": 1}),
        ("Whether the answer holds the picture; default true.", "boolean", {"default": True}),
        ("For people, in Chinese.", "string", {}),
    ],
)
def test_comments_become_constraints(comment: str, json_type: str, expected: dict[str, object]) -> None:
    assert constraints_of(comment, json_type) == expected
