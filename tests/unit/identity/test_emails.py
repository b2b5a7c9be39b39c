"""E-mail addresses: which are taken, and which are the same."""

import pytest

from services.identity.accounts.emails import checked_email, email_key


@pytest.mark.parametrize(
    "email",
    [
        "a@example.com",
        "First.Last+tag@Sub.Example.COM",
        "张三@例子.中国",
        "o'brien@example.co.uk",
        "x@team.test",
    ],
)
def test_an_address_is_kept_as_it_was_written(email: str) -> None:
    assert checked_email(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "@example.com",
        "a@",
        "a@b",
        "a@localhost",
        "a@@example.com",
        "a b@example.com",
        "a..b@example.com",
        ".a@example.com",
        "a@-example.com",
        "a@[127.0.0.1]",
        '"a b"@example.com',
        "Name <a@example.com>",
        "a@example.com\n",
        "a@" + "x" * 64 + ".com",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(email: str) -> None:
    with pytest.raises(ValueError, match="must be an e-mail address") as refused:
        checked_email(email)
    assert str(refused.value) == "must be an e-mail address"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A@Example.com", "a@eXAMPLE.COM"),
        ("É@example.com", "e\u0301@example.com"),
        ("ＡＢ@example.com", "ab@example.com"),
        ("ΣΑΣ@example.com", "σας@example.com"),
    ],
)
def test_spellings_of_one_address_have_one_key(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


def test_different_addresses_have_different_keys() -> None:
    emails = ["a@example.com", "a.b@example.com", "ab@example.com", "a+b@example.com", "a@example.org"]
    assert len({email_key(email) for email in emails}) == len(emails)
