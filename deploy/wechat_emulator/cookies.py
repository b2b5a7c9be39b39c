"""Cookies on the wire, as WeChat writes and reads them."""

from collections.abc import Iterable
from email.utils import formatdate

# What a browser may still hold of an earlier login; WeChat deletes these by name.
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
    """One Set-Cookie line's value; `expires` in seconds since 1970, None for a session cookie.

    `secure` is False on plain http only, where no client would send a Secure cookie back.
    """
    parts = [f"{name}={value}", "Path=/"]
    if expires is not None:
        parts.append(f"Expires={_dashed_date(expires)}")
    if secure:
        parts.append("Secure")
    parts.append("HttpOnly")
    return "; ".join(parts)


def deletions(names: Iterable[str], *, now: float, secure: bool) -> list[str]:
    """Set-Cookie values which delete `names` the way WeChat does it; `now` in seconds since 1970."""
    return [set_cookie(name, "EXPIRED", secure=secure, expires=now - _DELETION_AGE) for name in names]


def parse_cookies(header: str) -> dict[str, str]:
    """A request's Cookie header. `http.cookies` would do too, at five times the cost for each poll."""
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
