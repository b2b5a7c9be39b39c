"""Access tokens: their shape, and forgeries of every kind."""

import base64
import datetime
import hashlib
import hmac
import json
import uuid

import jwt
import pytest

from services.chassis.identity.principals import TokenExpiredError, UnauthenticatedError
from services.identity.sign_in.tokens import CLOCK_SKEW_SECONDS, Claims, Tokens

SECRET = "k3J9-unit-test-secret-Zq7xW2vB5nM8pL"
NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
ISSUED = int(NOW.timestamp())
ACCOUNT = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
TOKENS = Tokens(SECRET, datetime.timedelta(minutes=1440))
SUBJECT = base64.urlsafe_b64encode(ACCOUNT.bytes).decode().rstrip("=")
CLAIMS: dict[str, object] = {"sub": SUBJECT, "iat": ISSUED, "exp": ISSUED + 86_400}


def encoded(raw: bytes | str) -> str:
    return base64.urlsafe_b64encode(raw.encode() if isinstance(raw, str) else raw).decode().rstrip("=")


def signed(header: str, payload: str, secret: str = SECRET) -> str:
    """A token whose signature is right, whatever header and payload say."""
    body = f"{encoded(header)}.{encoded(payload)}"
    return f"{body}.{encoded(hmac.digest(secret.encode(), body.encode(), hashlib.sha256))}"


def test_a_token_says_who_and_until_when_and_nothing_else() -> None:
    token = TOKENS.issue(ACCOUNT, ISSUED, NOW)
    header, payload, _ = token.split(".")
    assert base64.urlsafe_b64decode(header + "==") == b'{"alg":"HS256"}'
    assert json.loads(base64.urlsafe_b64decode(payload + "==")) == CLAIMS
    assert len(SUBJECT) == 22
    assert len(token) <= 153


def test_a_token_is_as_long_as_it_may_be_until_the_year_2286() -> None:
    later = datetime.datetime(2286, 11, 20, tzinfo=datetime.UTC)
    longest = Tokens(SECRET, datetime.timedelta()).issue(ACCOUNT, int(later.timestamp()), later)
    assert len(longest) <= 153


def test_a_genuine_token_verifies_until_its_last_second() -> None:
    token = TOKENS.issue(ACCOUNT, ISSUED, NOW)
    assert TOKENS.verify(token, NOW) == Claims(ACCOUNT, ISSUED, ISSUED + 86_400)
    end = NOW + datetime.timedelta(days=1)
    TOKENS.verify(token, end - datetime.timedelta(seconds=1))
    with pytest.raises(TokenExpiredError):
        TOKENS.verify(token, end)


def test_the_forger_makes_tokens_that_would_be_right() -> None:
    # Otherwise the refusals below would prove nothing.
    token = signed('{"alg":"HS256"}', json.dumps(CLAIMS, separators=(",", ":")))
    assert TOKENS.verify(token, NOW).account_id == ACCOUNT


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"HS256","typ":"JWT"}',
        '{"alg":"none","alg":"HS256"}',
        '{"alg":"HS256","alg":"HS256"}',
        '{"alg": "HS256"}',
        '{"alg":"hs256"}',
        '{"alg":"HS512"}',
        '{"alg":"none"}',
        '{"alg":["HS256"]}',
        '{"alg":"HS256","kid":"../../dev/null"}',
        '{"alg":"HS256","crit":["exp"]}',
        '{"alg":"HS256","b64":false}',
        '{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}',
        "{}",
        "[]",
        "",
    ],
)
def test_no_other_header_is_believed_though_the_signature_fits(header: str) -> None:
    with pytest.raises(UnauthenticatedError):
        TOKENS.verify(signed(header, json.dumps(CLAIMS)), NOW)


@pytest.mark.parametrize(
    "payload",
    [
        {key: value for key, value in CLAIMS.items() if key != "sub"},
        {key: value for key, value in CLAIMS.items() if key != "iat"},
        {key: value for key, value in CLAIMS.items() if key != "exp"},
        {**CLAIMS, "role": "admin"},
        {**CLAIMS, "nbf": ISSUED},
        {**CLAIMS, "aud": "fastmp"},
        {**CLAIMS, "iat": float(ISSUED)},
        {**CLAIMS, "iat": str(ISSUED)},
        {**CLAIMS, "iat": True},
        {**CLAIMS, "iat": None},
        {**CLAIMS, "exp": float(ISSUED + 60)},
        {**CLAIMS, "exp": str(ISSUED + 60)},
        {**CLAIMS, "exp": [ISSUED + 60]},
        {**CLAIMS, "sub": str(ACCOUNT)},
        {**CLAIMS, "sub": SUBJECT + "=="},
        {**CLAIMS, "sub": SUBJECT[:-1] + "h"},
        {**CLAIMS, "sub": SUBJECT[:-1]},
        {**CLAIMS, "sub": SUBJECT[:-1] + "\n"},
        {**CLAIMS, "sub": 7},
        {**CLAIMS, "sub": None},
        [],
        "text",
        None,
    ],
)
def test_no_other_payload_is_believed_though_the_signature_fits(payload: object) -> None:
    with pytest.raises(UnauthenticatedError):
        TOKENS.verify(signed('{"alg":"HS256"}', json.dumps(payload, separators=(",", ":"))), NOW)


def test_a_token_signed_by_another_secret_or_by_nobody_is_refused() -> None:
    genuine = TOKENS.issue(ACCOUNT, ISSUED, NOW)
    body = genuine.rpartition(".")[0]
    forgeries = [
        signed('{"alg":"HS256"}', json.dumps(CLAIMS), "another-secret-of-32-bytes-or-more!!"),
        signed('{"alg":"HS256"}', json.dumps(CLAIMS), ""),
        jwt.encode(CLAIMS, "", "none", headers={"typ": None}),
        body + ".",
        body,
        genuine + "A",
        genuine[:-2] + ("AA" if genuine[-2:] != "AA" else "BB"),
    ]
    for forgery in forgeries:
        with pytest.raises(UnauthenticatedError):
            TOKENS.verify(forgery, NOW)


@pytest.mark.parametrize("changed", range(22, 150, 7))
def test_a_changed_character_anywhere_is_noticed(changed: int) -> None:
    token = TOKENS.issue(ACCOUNT, ISSUED, NOW)
    other = "A" if token[changed] != "A" else "B"
    with pytest.raises(UnauthenticatedError):
        TOKENS.verify(token[:changed] + other + token[changed + 1 :], NOW)


@pytest.mark.parametrize(
    "garbage",
    ["", ".", "..", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.", "eyJhbGciOiJIUzI1NiJ9..", "密", "\0", "x" * 5000],
)
def test_garbage_is_refused(garbage: str) -> None:
    with pytest.raises(UnauthenticatedError):
        TOKENS.verify(garbage, NOW)
    with pytest.raises(UnauthenticatedError):
        TOKENS.verify(f"eyJhbGciOiJIUzI1NiJ9.{garbage}", NOW)


def test_an_expired_forgery_is_called_invalid_not_expired() -> None:
    stale = {**CLAIMS, "exp": ISSUED - 1}
    with pytest.raises(UnauthenticatedError) as refused:
        TOKENS.verify(
            signed('{"alg":"HS256"}', json.dumps(stale), "another-secret-of-32-bytes-or-more!!"), NOW
        )
    assert not isinstance(refused.value, TokenExpiredError)


def test_only_tokens_given_out_after_the_others_were_ended_count() -> None:
    claims = Claims(ACCOUNT, ISSUED, ISSUED + 60)
    assert claims.is_valid_after(ISSUED - 1)
    assert not claims.is_valid_after(ISSUED)
    assert not claims.is_valid_after(ISSUED + 1)


def test_a_time_of_issue_that_lies_ahead_is_believed_only_as_far_as_it_can_be_genuine() -> None:
    ahead = Claims(ACCOUNT, ISSUED + 1000, ISSUED + 5000)
    assert ahead.is_from_the_future(0, NOW)
    assert ahead.is_from_the_future(ISSUED + 998, NOW)
    # The first token after tokens up to ISSUED + 999 were ended.
    assert not ahead.is_from_the_future(ISSUED + 999, NOW)
    skewed = Claims(ACCOUNT, ISSUED + CLOCK_SKEW_SECONDS, ISSUED + 5000)
    assert not skewed.is_from_the_future(0, NOW)
