"""Which addresses messages may go to, whatever a name server answers."""

import ipaddress
import socket
import ssl
from collections.abc import Sequence

import pytest

from services.chassis.name_resolution import AddressInfo, Resolver
from services.notifications.sending.addresses import AllowedAddresses, is_public
from services.notifications.sending.errors import (
    AddressNotAllowedError,
    ConnectionFailedError,
    NameNotFoundError,
)
from services.notifications.sending.exchange import Exchanges

CLOSED = [
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1"),
    *("192.0.0.1", "192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1"),
    # IPv4 in IPv6, of public addresses, too.
    *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::808:808"),
    *("2002:808:808::1", "2001:0:808:808::1", "100::1"),
]


def answering(*addresses: str) -> Resolver:
    def lookup(_host: str, port: int) -> Sequence[AddressInfo]:
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (one, port, 0, 0) if ":" in one else (one, port),
            )
            for one in addresses
        ]

    return Resolver(lookup=lookup)


@pytest.mark.parametrize("address", CLOSED)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(AddressNotAllowedError):
        AllowedAddresses(answering("8.8.8.8", address)).of("name.example", 443, 1)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2400:3200::1"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)
    found = AllowedAddresses(answering(address)).of("name.example", 443, 1)
    assert [target[0] for *_, target in found] == [address]


def test_inner_networks_of_the_settings_are_allowed_and_no_others() -> None:
    inner = (ipaddress.ip_network("10.1.2.0/24"),)
    assert AllowedAddresses(answering("10.1.2.3"), inner).of("name.example", 443, 1)
    with pytest.raises(AddressNotAllowedError):
        AllowedAddresses(answering("10.1.3.3"), inner).of("name.example", 443, 1)


def test_a_zone_is_not_allowed() -> None:
    assert not AllowedAddresses(answering()).allows("fe80::1%eth0")
    assert not AllowedAddresses(answering()).allows("2606:4700:4700::1111%1")


def test_a_name_without_an_address_is_not_found() -> None:
    with pytest.raises(NameNotFoundError):
        AllowedAddresses(answering()).of("name.example", 443, 1)


def test_a_name_is_looked_up_once_and_that_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up once: a second answer, with an inner address, is not asked for."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    connected: list[object] = []

    def lookup(_host: str, port: int) -> Sequence[AddressInfo]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in next(answers)]

    def connect(_socket: object, target: object) -> None:
        connected.append(target)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    exchanges = Exchanges(AllowedAddresses(Resolver(lookup=lookup)), ssl.create_default_context())
    with pytest.raises(ConnectionFailedError):
        exchanges.post("https://name.example/", {}, b"")

    assert connected == [("8.8.8.8", 443)]


def test_an_address_that_is_not_allowed_is_never_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _socket, target: connected.append(target))
    exchanges = Exchanges(AllowedAddresses(answering("10.0.0.1")), ssl.create_default_context())

    with pytest.raises(AddressNotAllowedError):
        exchanges.post("https://name.example/", {}, b"")

    assert connected == []
