"""The digest by which the audit logs name an activation code that is gone."""

import hashlib

DIGITS = 32


def code_digest(activation_code: str) -> str:
    """Returns 32 hexadecimal digits. A code has 128 random bits, so a plain digest of it cannot be reversed."""
    return hashlib.sha256(activation_code.encode()).hexdigest()[:DIGITS]
