"""What an e-mail address may look like, and when two of them are the same."""

import unicodedata

import idna
from email_validator import EmailNotValidError, validate_email

LONGEST = 254


def checked_email(email: str) -> str:
    """`email` itself when it is an address by RFC 5321 and 5322 (RFC 6531 outside ASCII).

    Raises ValueError, without the address in its text. Asks no DNS. Addresses under .test pass: they can be no
    one's, and the people who try the product out use them.
    """
    try:
        # Strict: the local part has at most 64 characters.
        validate_email(email, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        raise ValueError("must be an e-mail address") from None
    return email


def email_key(email: str) -> str:
    """The same text for all spellings of one address, and a part of it for a part of an address.

    Case, Unicode form, and whether the domain is written in Unicode or as `xn--…` (UTS46) do not matter.
    """
    local, at, domain = email.rpartition("@")
    key = local + at + _unicode_domain(domain)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).casefold())


def _unicode_domain(domain: str) -> str:
    if domain.isascii() and "xn--" not in domain.lower():
        return domain
    try:
        return idna.decode(domain, uts46=True)
    except idna.IDNAError:
        # No domain, so no address: any key does that is always the same.
        return domain
