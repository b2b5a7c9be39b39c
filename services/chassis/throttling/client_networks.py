"""The networks by which clients are limited."""

import ipaddress

from services.chassis import context as calls

IPV6_PREFIX = 64
UNKNOWN = "unknown"


def network_of(address: str) -> str:
    """Returns the network of the client at `address`: the IPv4 address itself, or the /64 of an IPv6 address.

    A client with an IPv6 address usually has all 2^64 of its /64. Returns UNKNOWN for text that is not an address.
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
    """Returns the network of the current call's client, or UNKNOWN outside a call."""
    call = calls.answered()
    return UNKNOWN if call is None else network_of(call.client_address)
