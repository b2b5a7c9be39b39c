"""Which addresses belong to one client."""

import pytest

from services.chassis.throttling.client_networks import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("203.0.113.7, 198.51.100.1", "unknown"),
        ("203.0.113.07", "unknown"),
        ("x" * 1000, "unknown"),
    ],
)
def test_a_client_is_an_ipv4_address_or_a_64(address: str, network: str) -> None:
    assert network_of(address) == network
