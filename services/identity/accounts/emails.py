"""What an e-mail address may look like, and when two of them are the same."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

LONGEST = 254


def checked_email(email: str) -> str:
    """`email` itself when it is an address by RFC 5321 and 5322 (RFC 6531 outside ASCII).

    Raises ValueError, without the address in its text. Asks no DNS. Addresses under .test pass: they can be no
    one's, and the people who try the product out use them.
    """
    try:
        validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("must be an e-mail address") from None
    return email


def email_key(email: str) -> str:
    """The same text for all spellings of one address: its case and its Unicode form do not matter."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())
