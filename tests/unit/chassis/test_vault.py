"""Keys that protect nothing are refused, and keys can be changed."""

import base64

import pytest
from cryptography.fernet import Fernet

from services.chassis.vault import UnreadableSecretError, Vault, WeakKeysError, vault_of


def key() -> str:
    return Fernet.generate_key().decode()


def text_key(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def test_what_is_encrypted_is_decrypted_and_does_not_show() -> None:
    vault = Vault([key()])
    encrypted = vault.encrypt(b"slave_sid=canary")
    assert b"canary" not in encrypted
    assert vault.decrypt(encrypted) == b"slave_sid=canary"
    assert vault.encrypt(b"slave_sid=canary") != encrypted


def test_every_key_decrypts_and_the_first_encrypts() -> None:
    old, new = key(), key()
    by_old = Vault([old]).encrypt(b"x")
    both = Vault([new, old])
    assert both.decrypt(by_old) == b"x"
    assert Vault([new]).decrypt(both.encrypt(b"x")) == b"x"


def test_a_ciphertext_that_no_key_opens_is_an_error_that_does_not_quote_it() -> None:
    encrypted = Vault([key()]).encrypt(b"x")
    with pytest.raises(UnreadableSecretError) as caught:
        Vault([key()]).decrypt(encrypted)
    assert encrypted.decode() not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_altered_ciphertext_is_unreadable() -> None:
    vault = Vault([key()])
    encrypted = bytearray(vault.encrypt(b"x"))
    encrypted[20] ^= 1
    with pytest.raises(UnreadableSecretError):
        vault.decrypt(bytes(encrypted))


def test_re_encryption_touches_only_what_is_not_under_the_first_key() -> None:
    old, new = key(), key()
    both = Vault([new, old])
    moved = both.re_encrypt(Vault([old]).encrypt(b"x"))
    assert moved is not None
    assert Vault([new]).decrypt(moved) == b"x"
    assert both.re_encrypt(moved) is None


@pytest.mark.parametrize(
    "setting",
    [
        "",
        " , ",
        "short",
        text_key("too short"),
        text_key("a" * 32),
        text_key("changeme-changeme-changeme-secr!"),
        text_key("0123456789abcdefghijklmnopqrstuv"),
        base64.urlsafe_b64encode(bytes(32)).decode(),
        base64.urlsafe_b64encode(bytes(range(8)) * 4).decode(),
        "not base64 at all, but long enough to be one?",
        "密钥" * 22,
    ],
)
def test_weak_keys_are_refused_without_repeating_them(setting: str) -> None:
    with pytest.raises(WeakKeysError) as caught:
        vault_of(setting)
    assert not setting.strip(" ,") or setting not in str(caught.value)


def test_the_same_key_twice_is_refused() -> None:
    once = key()
    with pytest.raises(WeakKeysError, match="twice"):
        vault_of(f"{once},{once}")


def test_keys_are_separated_by_commas_with_or_without_space() -> None:
    old, new = key(), key()
    assert vault_of(f" {new} , {old} ").decrypt(Vault([old]).encrypt(b"x")) == b"x"


def test_a_vault_shows_no_key() -> None:
    once = key()
    assert once not in repr(Vault([once]))
