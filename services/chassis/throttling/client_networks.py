"""Which addresses belong to one client."""

import ipaddress

from services.chassis import context as calls

IPV6_PREFIX = 64
UNKNOWN = "unknown"


def network_of(address: str) -> str:
    """The network that stands for the client at `address`: an IPv4 address itself, an IPv6 one's /64.

    A client with one IPv6 address usually has all 2^64 of its /64. Text that is no address gives UNKNOWN.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_PREFIX), strict=False))


def caller_network() -> str:
    """The network of the call being answered; UNKNOWN outside one."""
    call = calls.answered()
    return UNKNOWN if call is None else network_of(call.client_address)
