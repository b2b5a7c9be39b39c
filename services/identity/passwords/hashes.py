"""Password hashes: PBKDF2-SHA256 for new ones; hashes of passlib and bcrypt can be verified, too.

The stored format is passlib's (passlib.hash.pbkdf2_sha256): `$pbkdf2-sha256$rounds$salt$checksum`, the last two in
base64 with "." instead of "+" and without padding. bcrypt's formats are `$2a$`, `$2b$` and `$2y$`.
"""

import base64
import binascii
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

import bcrypt

ROUNDS: Final = 600_000
SALT_BYTES: Final = 16
CHECKSUM_BYTES: Final = 32
# An imported hash may cost at most about as much as four of ours; with more, the service could be stalled.
MOST_ROUNDS: Final = 2_400_000
LONGEST_SALT_BYTES: Final = 64
LOWEST_BCRYPT_COST: Final = 4
HIGHEST_BCRYPT_COST: Final = 14
# bcrypt ignores the rest of a longer password.
BCRYPT_BYTES: Final = 72

_PBKDF2 = re.compile(r"\$pbkdf2-sha256\$([1-9][0-9]{0,9})\$([A-Za-z0-9./]{0,1024})\$([A-Za-z0-9./]{43})")
# The last character of the salt has only two bits of it.
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[A-Za-z0-9./]{21}[.Oeu][A-Za-z0-9./]{31}")


class UnusableHashError(ValueError):
    """The stored hash has an unknown format, or would be too costly to verify."""


@dataclass(frozen=True)
class _Pbkdf2:
    rounds: int
    salt: bytes
    checksum: bytes


def canonical(password: str) -> str:
    """Returns the canonical form of `password`, which is hashed: it does not depend on how a keyboard composes it.

    As in the OpaqueString profile (RFC 8265), any space becomes U+0020, then NFC is applied. Unlike the profile, it
    refuses no characters: those are validated in the request, and emoji joined by U+200D have always been allowed.
    Idempotent.
    """
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    return unicodedata.normalize("NFC", spaced)


def hash_password(password: str, salt: bytes, rounds: int | None = None) -> str:
    """Returns a new hash of `password`. `salt` is `SALT_BYTES` random bytes. It takes a fifth of a second."""
    rounds = ROUNDS if rounds is None else rounds
    checksum = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    return _form(rounds, salt, checksum)


def unmatchable_hash(randomness: bytes) -> str:
    """Returns a hash of no known password, computed quickly from at least 48 random bytes.

    Verifying a password with it takes as long as with a real hash.
    """
    return _form(ROUNDS, randomness[:SALT_BYTES], randomness[SALT_BYTES : SALT_BYTES + CHECKSUM_BYTES])


def verify_password(password: str, stored: str) -> bool:
    """Returns whether `stored` is a hash of `password`. Raises UnusableHashError before any work is done."""
    if _BCRYPT.fullmatch(stored):
        return _verify_bcrypt(password, stored)
    known = _parse(stored)
    checksum = hashlib.pbkdf2_hmac("sha256", password.encode(), known.salt, known.rounds)
    return hmac.compare_digest(checksum, known.checksum)


def check_usable(stored: str) -> None:
    """Raises UnusableHashError if verify_password() would."""
    is_bcrypt = _BCRYPT.fullmatch(stored)
    if is_bcrypt is None:
        _parse(stored)
    elif not LOWEST_BCRYPT_COST <= int(is_bcrypt[1]) <= HIGHEST_BCRYPT_COST:
        raise UnusableHashError("bcrypt cost out of bounds")


def needs_upgrade(stored: str) -> bool:
    """Returns whether a verified hash is weaker than a new one or has another format."""
    if _BCRYPT.fullmatch(stored):
        return True
    known = _parse(stored)
    return known.rounds < ROUNDS or len(known.salt) < SALT_BYTES


def _verify_bcrypt(password: str, stored: str) -> bool:
    check_usable(stored)
    return bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], stored.encode())


def _parse(stored: str) -> _Pbkdf2:
    match = _PBKDF2.fullmatch(stored)
    if match is None:
        raise UnusableHashError("unknown form of hash")
    rounds = int(match[1])
    try:
        salt, checksum = _decode(match[2]), _decode(match[3])
    except binascii.Error:
        raise UnusableHashError("damaged hash") from None
    if rounds > MOST_ROUNDS or len(salt) > LONGEST_SALT_BYTES:
        raise UnusableHashError("hash too costly")
    return _Pbkdf2(rounds, salt, checksum)


def _form(rounds: int, salt: bytes, checksum: bytes) -> str:
    return f"$pbkdf2-sha256${rounds}${_encode(salt)}${_encode(checksum)}"


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw, altchars=b"./").decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"./", validate=True)
