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
        "x" * 64 + "@example.com",
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
        "x" * 65 + "@example.com",
        "张" * 65 + "@example.com",
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
        ("dup@例子.公司", "dup@xn--fsqu00a.xn--55qx5d"),
        ("dup@例子.公司", "DUP@XN--FSQU00A.公司"),
        ("dup@例子.公司", "dup@例子。公司"),
        ("a@Bücher.example", "a@xn--bcher-kva.example"),
        ("a@faß.de", "a@xn--fa-hia.de"),
        ("a@BÜCHER.例子.example", "a@bücher.xn--fsqu00a.example"),
        ("a@BÜCHER.xn--fsqu00a.example", "a@bücher.例子.example"),
    ],
)
def test_spellings_of_one_address_have_one_key(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


def test_a_part_of_an_address_has_the_same_part_of_the_key() -> None:
    assert email_key("例子.公") in email_key("dup@xn--fsqu00a.xn--55qx5d")
    assert email_key("xn--fsqu00a") in email_key("dup@例子.公司")
    assert email_key("DUP") in email_key("dup@例子.公司")


@pytest.mark.parametrize("text", ["", "@", "a@xn--a", "a@xn--", "a@b_c.公司", "@xn--" + "z" * 240])
def test_what_is_no_address_has_a_key_too(text: str) -> None:
    assert email_key(text) == email_key(text.upper())


def test_different_addresses_have_different_keys() -> None:
    emails = ["a@example.com", "a.b@example.com", "ab@example.com", "a+b@example.com", "a@example.org"]
    assert len({email_key(email) for email in emails}) == len(emails)
