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
