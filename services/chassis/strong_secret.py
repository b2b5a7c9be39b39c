"""Validation of secrets that sign or seal: they must be long and hard to guess."""

import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr

SHORTEST_BYTES = 32
# Random text of 32 characters or more has about 20 different ones, in hexadecimal about 14.
FEWEST_DIFFERENT_CHARACTERS = 10
# Words in the secrets of example configurations, alone, repeated or joined.
_WORDS = (
    r"(my|your|a|the|this|is|jwt|hs256|256|bit|bits|at|least|long|very|super|top|secret|key|password|changeme|"
    r"change|me|please|in|production|default|example|test|dev|insecure|private|token|admin|string|qwerty|"
    r"0123456789|1234567890|123456|abcdefghijklmnopqrstuvwxyz|abcdef|fastmp)"
)
_MADE_OF_WORDS = re.compile(f"{_WORDS}+[0-9]{{0,4}}")
# Published in the documentation of FastAPI and of jwt.io.
_PUBLISHED = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "a-string-secret-at-least-256-bits-long",
        "your-256-bit-secret-your-256-bit-secret",
    }
)


def checked_secret(secret: str) -> str:
    """Returns `secret`. Raises ValueError, without the secret in it, if it is short, well known or too regular."""
    if len(secret.encode()) < SHORTEST_BYTES:
        raise ValueError(f"must have at least {SHORTEST_BYTES} bytes")
    letters = re.sub(r"[\W_]+", "", secret.lower())
    if secret.lower() in _PUBLISHED or _MADE_OF_WORDS.fullmatch(letters):
        raise ValueError("is well known; make a random one")
    if len(set(secret)) < FEWEST_DIFFERENT_CHARACTERS or _repeats(secret):
        raise ValueError("is too regular; make a random one")
    return secret


def _repeats(secret: str) -> bool:
    # A text is a repeated shorter part if and only if it occurs in its own doubling at another position than its
    # ends.
    return (secret + secret).find(secret, 1) < len(secret)


def strong(secret: SecretStr) -> SecretStr:
    """Applies checked_secret() to a setting."""
    checked_secret(secret.get_secret_value())
    return secret


StrongSecret = Annotated[SecretStr, AfterValidator(strong)]
