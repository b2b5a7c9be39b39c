"""The cost of a password hash, on which sign-ins spend most of their time."""

import hashlib
import time

from bench.bench import PASSWORD
from bench.measurement import median
from services.identity.passwords.hashes import ROUNDS, SALT_BYTES

HASHES = 3


def one_hash_seconds() -> float:
    """Returns the median time of one password hash without other load."""
    return median([_hash_once() for _ in range(HASHES)])


def _hash_once() -> float:
    start = time.perf_counter()
    hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), bytes(SALT_BYTES), ROUNDS)
    return time.perf_counter() - start
