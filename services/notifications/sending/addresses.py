"""Decides to which IP addresses messages may go: public ones, so that no channel reaches an inner network."""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.name_resolution import AddressInfo, Resolver
from services.notifications.sending.errors import AddressNotAllowedError, NameNotFoundError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Teredo and 6to4: a part of the address is an IPv4 address. The other forms of IPv4 in IPv6 are outside 2000::/3.
_IPV4_IN_IPV6 = (ipaddress.ip_network("2001::/32"), ipaddress.ip_network("2002::/16"))


def is_public(text: str) -> bool:
    """Returns whether an IP address is public: not private, loopback, link-local, multicast, reserved, unspecified.

    No form of IPv4 in IPv6 is. `text` is an address without a zone.
    """
    address = ipaddress.ip_address(text)
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    return address in _GLOBAL_UNICAST and not any(address in network for network in _IPV4_IN_IPV6)


@dataclass(frozen=True)
class AllowedAddresses:
    """Looks receivers up. `inner` are networks that may be reached although they are not public."""

    resolver: Resolver
    inner: Sequence[Network] = ()

    def of(self, host: str, port: int, timeout: float) -> Sequence[AddressInfo]:
        """Returns the addresses of `host`, all of which are allowed.

        A caller that connects to one of them, and does not look the name up again, cannot be led elsewhere by
        another answer of the name server. Raises AddressNotAllowedError if one is not allowed, NameNotFoundError,
        TimeoutError.
        """
        try:
            found = self.resolver.addresses(host, port, timeout)
        except socket.gaierror as error:
            raise NameNotFoundError from error
        if not found:
            raise NameNotFoundError
        for *_, target in found:
            if not self.allows(str(target[0])):
                raise AddressNotAllowedError
        return found

    def allows(self, text: str) -> bool:
        """Returns whether messages may go to an IP address; not if it is no address, or has a zone."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if "%" in text:
            return False
        return is_public(text) or any(address in network for network in self.inner)
