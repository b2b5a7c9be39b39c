"""Formatting and parsing of cookies as WeChat does it."""

from collections.abc import Iterable
from email.utils import formatdate

# Cookies that a browser may have from an earlier login; WeChat deletes them by name.
LEFT_OVER = ("bizuin", "ticket", "ticket_id", "cert", "fakeid", "login_certificate", "login_sid_ticket")
SESSION = (
    "slave_user",
    "slave_sid",
    "bizuin",
    "slave_bizuin",
    "data_bizuin",
    "data_ticket",
    "rand_info",
    "xid",
)

_DELETION_AGE = 14 * 86_400


def set_cookie(name: str, value: str, *, secure: bool, expires: float | None = None) -> str:
    """Returns the value of a Set-Cookie header; `expires` is in seconds since 1970, None for a session cookie.

    `secure` is False on plain HTTP only, where clients do not send Secure cookies.
    """
    parts = [f"{name}={value}", "Path=/"]
    if expires is not None:
        parts.append(f"Expires={_dashed_date(expires)}")
    if secure:
        parts.append("Secure")
    parts.append("HttpOnly")
    return "; ".join(parts)


def deletions(names: Iterable[str], *, now: float, secure: bool) -> list[str]:
    """Returns Set-Cookie values that delete `names` as WeChat does; `now` is in seconds since 1970."""
    return [set_cookie(name, "EXPIRED", secure=secure, expires=now - _DELETION_AGE) for name in names]


def parse_cookies(header: str) -> dict[str, str]:
    """Parses a request's Cookie header. `http.cookies` takes five times as long, which matters for polls."""
    cookies = {}
    for pair in header.split(";"):
        name, separator, value = pair.strip().partition("=")
        if separator:
            cookies[name] = value
    return cookies


def _dashed_date(seconds: float) -> str:
    # "Wed, 07 Nov 2018 16:01:18 GMT" in, "Wed, 07-Nov-2018 16:01:18 GMT" out.
    weekday, day, month, year, clock, zone = formatdate(seconds, usegmt=True).split(" ")
    return f"{weekday} {day}-{month}-{year} {clock} {zone}"
