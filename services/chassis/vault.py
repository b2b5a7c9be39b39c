"""Encryption of secrets for the database, with keys that can be changed."""

import base64
import binascii
import string
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEY_BYTES = 32
# 32 random bytes have fewer than 16 different values once in more than 10^20 keys.
LEAST_DIFFERENT_BYTES = 16
_TEXT = frozenset(string.printable.encode())


class WeakKeysError(ValueError):
    """A weak key. The message says which one and why, and does not contain it."""


class UnreadableSecretError(Exception):
    """A stored secret that no key decrypts: a key is missing from the setting, or the row was changed."""


class Vault:
    """Encrypts with the first key and decrypts with every key, so that keys can be changed while it runs.

    To change keys: give all replicas "old,new", then "new,old", run the service's rotation command, then give them
    "new".
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` are Fernet's: 32 random bytes each in URL-safe base64. Raises WeakKeysError."""
        if not keys:
            raise WeakKeysError("holds no key")
        if len(set(keys)) != len(keys):
            raise WeakKeysError("holds a key twice")
        fernets = [Fernet(_checked(key, number)) for number, key in enumerate(keys, start=1)]
        self._first = fernets[0]
        self._all = MultiFernet(fernets)

    def encrypt(self, plain: bytes) -> bytes:
        """Returns `plain` encrypted with the first key; each result is different."""
        return self._first.encrypt(plain)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Returns the plaintext of `encrypted`. Raises UnreadableSecretError if no key decrypts it."""
        try:
            return self._all.decrypt(encrypted)
        except InvalidToken:
            raise UnreadableSecretError("no key opens a stored secret") from None

    def re_encrypt(self, encrypted: bytes) -> bytes | None:
        """Returns `encrypted` re-encrypted with the first key, or None if it already is.

        Raises UnreadableSecretError.
        """
        try:
            self._first.decrypt(encrypted)
        except InvalidToken:
            return self.encrypt(self.decrypt(encrypted))
        return None


def vault_of(setting: str) -> Vault:
    """Returns the vault for a setting of keys: separated by commas, the encrypting one first.

    Raises WeakKeysError.
    """
    return Vault([key.strip() for key in setting.split(",") if key.strip()])


def _checked(key: str, number: int) -> str:
    try:
        raw = base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise WeakKeysError(f"key {number} is not URL-safe base64") from None
    if len(raw) != KEY_BYTES:
        raise WeakKeysError(f"key {number} is not {KEY_BYTES} bytes long")
    if len(set(raw)) < LEAST_DIFFERENT_BYTES or set(raw) <= _TEXT:
        raise WeakKeysError(f"key {number} is not random; make one with cryptography's Fernet.generate_key()")
    return key
