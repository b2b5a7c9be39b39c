"""Validation and comparison of e-mail addresses."""

import unicodedata

import idna
from email_validator import EmailNotValidError, validate_email

from services.chassis.language import Localized
from services.chassis.violations import InvalidValueError

LONGEST = 254


def checked_email(email: str) -> str:
    """Returns `email` if it is an address by RFC 5321 and 5322 (RFC 6531 outside ASCII).

    Raises InvalidValueError, which does not contain the address. Sends no DNS queries. Addresses under .test are
    valid: no one can own them, and they are used to try the product out.
    """
    try:
        # Strict: the local part has at most 64 characters.
        validate_email(email, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        raise InvalidValueError(Localized("格式不正确", "must be an e-mail address")) from None
    return email


def email_key(email: str) -> str:
    """Returns a key that is the same for all spellings of an address; for a part of an address, a part of it.

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
        # Not an address, because it has no domain; any constant key will do.
        return domain
