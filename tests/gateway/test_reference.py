"""The API reference as the gateway serves it."""

import re

import pytest
from openapi_spec_validator import validate

from gateway.contract import Contract
from tests.gateway.conftest import Gateway


def test_the_document_is_valid_and_has_every_rpc(gateway: Gateway) -> None:
    answer = gateway.get("/openapi.json", token=None)
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    validate(document)
    described = {(verb, path) for path, verbs in document["paths"].items() for verb in verbs}
    assert {(rpc.verb.lower(), rpc.template) for rpc in Contract.load().rpcs} <= described


def test_the_page_may_load_nothing_from_elsewhere(gateway: Gateway) -> None:
    answer = gateway.get("/docs", token=None)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", answer.text)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_reference_is_for_reading_only(gateway: Gateway, path: str) -> None:
    assert gateway.post(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/openapi.json"])
def test_head_is_get_without_a_body(gateway: Gateway, path: str) -> None:
    whole = gateway.get(path, token=None)
    head = gateway.envoy.call("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    if path != "/health":
        assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/openapi.json"])
def test_pages_ignore_what_other_programs_append(gateway: Gateway, path: str) -> None:
    # As WeChat does to links that are shared in it.
    answer = gateway.get(f"{path}?from=singlemessage&isappinstalled=0", token=None)
    assert answer.status_code == 200


def test_an_api_path_answers_no_head(gateway: Gateway) -> None:
    assert gateway.envoy.call("HEAD", "/auth/me").status_code == 404
