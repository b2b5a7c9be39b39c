"""Password hashes: our form, passlib's, bcrypt's, and hashes that would cost too much."""

import base64
import hashlib
import time
from functools import partial

import bcrypt
import pytest

from services.identity.passwords.hashes import (
    ROUNDS,
    UnusableHashError,
    check_usable,
    hash_password,
    needs_upgrade,
    unmatchable_hash,
    verify_password,
)

# Made by passlib 1.7.4's pbkdf2_sha256; the first stands in its documentation.
PASSLIB = [
    ("password", "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE"),
    ("password", "$pbkdf2-sha256$29000$dO5dC4GwNuY85zyH8D4npA$CVLdNxtZBUvkKcRGJJAPq0RD4SoeqBOKW1PTtqYK6oc"),
    ("密码 pass", "$pbkdf2-sha256$1000$....////....////$VbIDr8vjUnZ9PLXOrC/v0F9wGyWDAVO9m/l6nTK1PRU"),
    ("x" * 128, "$pbkdf2-sha256$1$$Q/9SQn2FZpWY3rMy2EZ68qBer2GJZzO/CrqfiFRa7sM"),
]
# From passlib's documentation of bcrypt.
BCRYPT_TAIL = "12$NT0I31Sa7ihGEWpka9ASYeEFkhuTNeBQ2xfZskIiiJeyFXhRgS.Sy"
CHECKSUM = "tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE"


@pytest.mark.parametrize(("password", "stored"), PASSLIB)
def test_a_hash_of_passlib_verifies_and_asks_for_an_upgrade(password: str, stored: str) -> None:
    assert verify_password(password, stored)
    assert not verify_password(password + "x", stored)
    assert needs_upgrade(stored)


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_a_bcrypt_hash_of_each_kind_verifies_and_asks_for_an_upgrade(prefix: str) -> None:
    assert verify_password("password", prefix + BCRYPT_TAIL)
    assert not verify_password("Password", prefix + BCRYPT_TAIL)
    assert needs_upgrade(prefix + BCRYPT_TAIL)


def test_bcrypt_looks_at_72_bytes_as_those_who_made_the_hash_did() -> None:
    stored = bcrypt.hashpw(("é" * 40).encode()[:72], bcrypt.gensalt(4)).decode()
    assert verify_password("é" * 40, stored)
    assert verify_password("é" * 36 + "anything", stored)
    assert not verify_password("é" * 35, stored)


def test_a_new_hash_has_600000_rounds_in_the_form_of_passlib() -> None:
    salt = bytes(range(16))
    stored = hash_password("correct horse", salt)
    kind, rounds, shown_salt, checksum = stored.split("$")[1:]
    assert (kind, rounds, shown_salt) == ("pbkdf2-sha256", "600000", "AAECAwQFBgcICQoLDA0ODw")
    raw = hashlib.pbkdf2_hmac("sha256", b"correct horse", salt, 600_000)
    assert checksum.replace(".", "+") == base64.b64encode(raw).decode().rstrip("=")
    assert verify_password("correct horse", stored)
    assert not verify_password("correct horsf", stored)
    assert not needs_upgrade(stored)


def test_a_short_salt_asks_for_an_upgrade_even_with_enough_rounds() -> None:
    assert needs_upgrade(hash_password("x", b"12345678", ROUNDS))


def test_nobody_has_the_unmatchable_hash_and_it_costs_what_an_account_costs() -> None:
    stored = unmatchable_hash(bytes(range(48)))
    assert not verify_password("", stored)
    assert not needs_upgrade(stored)


@pytest.mark.parametrize(
    "stored",
    [
        f"$pbkdf2-sha256$2400001$XAuBMIYQQogxRg${CHECKSUM}",
        f"$pbkdf2-sha256$9999999999${'A' * 22}${CHECKSUM}",
        f"$pbkdf2-sha256${'9' * 5000}${'A' * 22}${CHECKSUM}",
        f"$pbkdf2-sha256$1000${'A' * 88}${CHECKSUM}",
        f"$pbkdf2-sha256$1000${'A' * 100_000}${CHECKSUM}",
        "$2b$15$NT0I31Sa7ihGEWpka9ASYeEFkhuTNeBQ2xfZskIiiJeyFXhRgS.Sy",
        "$2b$31$NT0I31Sa7ihGEWpka9ASYeEFkhuTNeBQ2xfZskIiiJeyFXhRgS.Sy",
    ],
)
def test_a_hash_that_would_cost_too_much_is_refused_before_any_work(stored: str) -> None:
    start = time.process_time()
    for check in (check_usable, partial(verify_password, "password")):
        with pytest.raises(UnusableHashError):
            check(stored)
    assert time.process_time() - start < 0.05


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        "password",
        "$2x$" + BCRYPT_TAIL,
        "$2b$03" + BCRYPT_TAIL[2:],
        "$2b$1$" + BCRYPT_TAIL[3:],
        "$2b$" + BCRYPT_TAIL[:-1],
        # The rest of the salt's last character is not zero.
        "$2b$12$" + 21 * "a" + "z" + 31 * "a",
        "$2b$" + BCRYPT_TAIL + "\n",
        f"$pbkdf2-sha256$0$XAuBMIYQQogxRg${CHECKSUM}",
        f"$pbkdf2-sha256$-1$XAuBMIYQQogxRg${CHECKSUM}",
        f"$pbkdf2-sha256$08000$XAuBMIYQQogxRg${CHECKSUM}",
        f"$pbkdf2-sha256$8000$XAuBMIYQQogxR${CHECKSUM}",
        f"$pbkdf2-sha256$8000$XAuBMIYQQogxRg==${CHECKSUM}",
        f"$pbkdf2-sha256$8000$XAuBMIYQQogxRg${CHECKSUM[:-1]}",
        f"$pbkdf2-sha256$8000$XAuBMIYQQogxRg${CHECKSUM}\n",
        "$pbkdf2-sha512$8000$XAuBMIYQQogxRg$" + "A" * 86,
        "$pbkdf2-sha256$٨٠٠٠$XAuBMIYQQogxRg$" + CHECKSUM,
    ],
)
def test_what_is_no_known_hash_is_refused(stored: str) -> None:
    for check in (check_usable, partial(verify_password, "password")):
        with pytest.raises(UnusableHashError):
            check(stored)
