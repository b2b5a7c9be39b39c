"""Access tokens: JWTs that name the account, and say nothing about what it may do.

How all tokens of an account end, exactly, although a token knows its time of issue only in whole seconds: the
account remembers `newest_token`, the latest iat it ever gave out, and `tokens_valid_after`, and a token counts only
if its iat is greater than the latter. Ending all tokens sets tokens_valid_after to newest_token, so it reaches
every token given out before it, whichever replica's clock made it, and a repeat changes nothing. A token
given out later has the iat max(now, tokens_valid_after + 1), so it counts, also within the same second. After
several sign-ins and logouts within one second that iat lies some seconds ahead of the clock; no genuine one lies
more than one second ahead of tokens_valid_after or ahead of the clock by more than the clocks differ, and any other
is refused.
"""

import base64
import binascii
import datetime
import re
import uuid
from dataclasses import dataclass

import jwt
from pydantic import BaseModel, ConfigDict, ValidationError

from services.chassis.identity.principals import TokenExpiredError, UnauthenticatedError

ALGORITHM = "HS256"
LONGEST = 153
# How far the clocks of two replicas may differ.
CLOCK_SKEW_SECONDS = 30
# The only header that is ever issued, {"alg":"HS256"}: whatever else a header could say is not for us to read.
_HEADER = "eyJhbGciOiJIUzI1NiJ9."
_SUBJECT = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_DECODING: jwt.types.Options = {
    "verify_signature": True,
    "require": ["sub", "iat", "exp"],
    # These two are compared with the clock that the service was given.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": True,
    "verify_jti": False,
    "strict_aud": False,
    "enforce_minimum_key_length": True,
}


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    sub: str
    iat: int
    exp: int


@dataclass(frozen=True)
class Claims:
    """What a token says; times in Unix seconds."""

    account_id: uuid.UUID
    issued: int
    expires: int

    def counts_for(self, tokens_valid_after: int) -> bool:
        """Whether the token was given out after the account's tokens were last ended."""
        return self.issued > tokens_valid_after

    def is_from_the_future(self, tokens_valid_after: int, now: datetime.datetime) -> bool:
        """Whether the token's iat is later than any that a replica can have issued by `now`."""
        return self.issued > max(now.timestamp() + CLOCK_SKEW_SECONDS, tokens_valid_after + 1)


class Tokens:
    """Issues and verifies the tokens of one secret of at least 32 bytes."""

    def __init__(self, secret: str, lifetime: datetime.timedelta) -> None:
        # Prepared once: given the secret itself, PyJWT checks for each token whether it is another kind of key.
        encoded = base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
        self._key = jwt.PyJWK.from_dict({"kty": "oct", "k": encoded, "alg": ALGORITHM})
        self._lifetime = lifetime

    def issue(self, account_id: uuid.UUID, issued: int, now: datetime.datetime) -> str:
        """A token of at most 153 characters. It ends `lifetime` after `now`, whatever `issued` (iat) is."""
        payload = {
            "sub": base64.urlsafe_b64encode(account_id.bytes).decode().rstrip("="),
            "iat": issued,
            "exp": int((now + self._lifetime).timestamp()),
        }
        # Without this entry PyJWT writes "typ", which verify() does not read.
        return jwt.encode(payload, self._key, ALGORITHM, headers={"typ": None})

    def verify(self, token: str, now: datetime.datetime) -> Claims:
        """The claims of a token that this secret signed and that has not ended by itself at `now`.

        Raises TokenExpiredError for one that has, else UnauthenticatedError.
        """
        if len(token) > LONGEST or not token.startswith(_HEADER):
            raise UnauthenticatedError
        try:
            decoded = jwt.decode(token, self._key, algorithms=[ALGORITHM], options=_DECODING, leeway=0)
            payload = _Payload.model_validate(decoded)
            account_id = _account_id(payload.sub)
        except (jwt.InvalidTokenError, ValidationError, ValueError):
            raise UnauthenticatedError from None
        if payload.exp <= now.timestamp():
            raise TokenExpiredError
        return Claims(account_id, payload.iat, payload.exp)


def _account_id(subject: str) -> uuid.UUID:
    if _SUBJECT.fullmatch(subject) is None:
        raise ValueError("not a subject of ours")
    try:
        return uuid.UUID(bytes=base64.urlsafe_b64decode(subject + "=="))
    except binascii.Error:
        raise ValueError("not a subject of ours") from None
