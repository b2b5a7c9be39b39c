"""The gateway's address, and whether an access token may travel there."""

import ipaddress
from urllib.parse import urlsplit

from fastmp.cli.failures import UsageError

DEFAULT = "http://127.0.0.1:8080"


def checked(address: str, *, allow_http: bool = False) -> str:
    """`address` as scheme, host, port and path prefix, without a final slash.

    Raises UsageError for anything but https://, and http:// to this machine; with `allow_http`, to any.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"not an address of a server: {address}", "Give it like https://fastmp.example")
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError("a server's address has no user, query or fragment")
    if parts.scheme == "http" and not allow_http and not is_local(address):
        raise UsageError(
            "over http:// anybody on the way could read the password and the access token",
            "Use https://, or set FASTMP_ALLOW_HTTP=1 for a network that you trust",
        )
    return address.rstrip("/")


def is_local(address: str) -> bool:
    """Whether the address is this machine's loopback."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
