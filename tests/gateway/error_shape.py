"""The one shape that every error on REST has."""

from typing import Any

import requests

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def assert_error(answer: requests.Response, status: int, code: int, reason: str) -> dict[str, Any]:
    """Checks status, headers and the whole shape; returns the body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert not [name for name in answer.headers if name.lower().startswith(("grpc-", "x-envoy-", "server"))]
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert any("\u4e00" <= character <= "\u9fff" for character in body["message"]), (
        "a message for people is Chinese"
    )
    assert body["details"][0]["@type"] == ERROR_INFO
    assert (body["details"][0]["reason"], body["details"][0]["domain"]) == (reason, "fastmp")
    return body
