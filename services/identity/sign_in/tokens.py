"""Access tokens: JWTs that identify the account, without its rights.

All tokens of an account can be revoked exactly, although a token's time of issue (iat) is in whole seconds: the
account has `newest_token`, the latest iat ever issued, and `tokens_valid_after`; a token is valid only if its iat
is greater than the latter. Revoking all tokens sets tokens_valid_after to newest_token, so it affects every token
issued before, by whichever replica's clock, and is idempotent. A token issued later has the iat max(now,
tokens_valid_after + 1), so it is valid, also within the same second. After several sign-ins and logouts within one
second, that iat is some seconds ahead of the clock. A token is refused if its iat is more than one second ahead of
tokens_valid_after and ahead of the clock by more than clocks may differ.
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
# The only header that is ever issued, {"alg":"HS256"}. Tokens with another header are refused.
_HEADER = "eyJhbGciOiJIUzI1NiJ9."
_SUBJECT = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_DECODING: jwt.types.Options = {
    "verify_signature": True,
    "require": ["sub", "iat", "exp"],
    # These two are compared with the service's own clock.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": True,
    "verify_jti": False,
    "strict_aud": False,
}


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    sub: str
    iat: int
    exp: int


@dataclass(frozen=True)
class Claims:
    """The claims of a token; times are in Unix seconds."""

    account_id: uuid.UUID
    issued: int
    expires: int

    def is_valid_after(self, tokens_valid_after: int) -> bool:
        """Whether the token was issued after the account's tokens were last revoked."""
        return self.issued > tokens_valid_after

    def is_from_the_future(self, tokens_valid_after: int, now: datetime.datetime) -> bool:
        """Whether the token's iat is later than any that a replica can have issued by `now`."""
        return self.issued > max(now.timestamp() + CLOCK_SKEW_SECONDS, tokens_valid_after + 1)


class Tokens:
    """Issues and verifies tokens with a secret of at least 32 bytes."""

    def __init__(self, secret: str, lifetime: datetime.timedelta) -> None:
        # Prepared once: with the secret itself, PyJWT would check for each token whether it is another kind of key.
        encoded = base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
        self._key = jwt.PyJWK.from_dict({"kty": "oct", "k": encoded, "alg": ALGORITHM})
        self._lifetime = lifetime

    def issue(self, account_id: uuid.UUID, issued: int, now: datetime.datetime) -> str:
        """Returns a token of at most 153 characters.

        It expires `lifetime` after `now`, whatever `issued` (iat) is.
        """
        payload = {
            "sub": base64.urlsafe_b64encode(account_id.bytes).decode().rstrip("="),
            "iat": issued,
            "exp": int((now + self._lifetime).timestamp()),
        }
        # Without this entry PyJWT adds "typ", which verify() refuses.
        return jwt.encode(payload, self._key, ALGORITHM, headers={"typ": None})

    def verify(self, token: str, now: datetime.datetime) -> Claims:
        """Returns the claims of a token that was signed with this secret and has not expired at `now`.

        Raises TokenExpiredError if it has expired, and UnauthenticatedError if it is invalid.
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
