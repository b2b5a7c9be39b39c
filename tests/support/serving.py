"""Waiting until the gateway gets an answer from every service."""

from tests.support.gateway_calls import GatewayCaller
from tests.support.waiting import wait_until

# A read of each service.
READS = ("/auth/me", "/activation/list", "/cookie/list")


def wait_until_served(admin: GatewayCaller, seconds: float = 60) -> None:
    """Returns when the admin's calls reach all three services. The gateway learns of a replica within seconds."""
    for path in READS:
        wait_until(lambda path=path: admin.get(path).ok, f"GET {path} is answered", seconds)  # type: ignore[misc]
