"""Validation of the gateway's address, and whether access tokens may be sent to it."""

import ipaddress
import re
from urllib.parse import urlsplit

from fastmp.cli.failures import UsageError

DEFAULT = "http://127.0.0.1:8080"
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_PATH = re.compile(r"[A-Za-z0-9._~/-]*")


def checked(address: str, *, allow_http: bool = False) -> str:
    """Returns `address` (scheme, host, port and path prefix) without a final slash.

    Raises UsageError unless it is https://, or http:// to this machine, or with `allow_http` to any machine.
    """
    try:
        parts = urlsplit(address)
        port_is_valid = parts.port != 0
        # An internationalized name becomes ASCII in the request.
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        raise _not_an_address() from None
    if parts.scheme not in {"http", "https"} or not port_is_valid or not _HOST.fullmatch(host):
        raise _not_an_address()
    if "@" in parts.netloc or parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        raise UsageError("a server's address has no user, query or fragment, and a path of plain characters")
    if parts.scheme == "http" and not allow_http and not is_local(address):
        raise UsageError(
            "over http:// others on the way could read the password and the access token",
            "Use https://, or set FASTMP_ALLOW_HTTP=1 for a network that you trust",
        )
    return address.rstrip("/")


def _not_an_address() -> UsageError:
    # The text is not shown: it may contain a password.
    return UsageError("that is not the address of a server", "Give it like https://fastmp.example")


def is_local(address: str) -> bool:
    """Whether the address is a loopback address."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
