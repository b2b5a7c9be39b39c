"""The bearer token of a call: exactly one, and no longer than tokens are."""

import pytest

from services.chassis.identity.principals import TokenMissingError, UnauthenticatedError
from services.chassis.interceptors.authentication import LONGEST_TOKEN, bearer_token


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc"])
def test_the_token_follows_the_scheme(header: str) -> None:
    assert bearer_token((("user-agent", "x"), ("authorization", header))) == "abc"


def test_a_token_may_be_as_long_as_the_bound() -> None:
    token = "a" * LONGEST_TOKEN
    assert bearer_token((("authorization", f"Bearer {token}"),)) == token
    with pytest.raises(UnauthenticatedError):
        bearer_token((("authorization", f"Bearer {token}a"),))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "abc", "Basic abc"])
def test_anything_else_is_refused(header: str) -> None:
    with pytest.raises(UnauthenticatedError):
        bearer_token((("authorization", header),))


def test_more_than_one_token_is_refused_and_none_is_missing() -> None:
    with pytest.raises(UnauthenticatedError):
        bearer_token((("authorization", "Bearer abc"),) * 2)
    with pytest.raises(TokenMissingError):
        bearer_token((("x-authorization", "Bearer abc"),))
