"""Signing in by way of the gateway, from an address of the test's choice."""

import grpc

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import reason_of
from tests.service.identity.replicas import Callers

EMAIL = "person@example.com"


def from_address(address: str) -> tuple[tuple[str, str], ...]:
    """The metadata by which the gateway says where its client is."""
    return (("x-fastmp-client-address", address),)


def login(
    callers: Callers, address: str, password: str, email: str = EMAIL, peer: str = "gateway"
) -> str | None:
    """Signs in; gives the reason of the refusal, None for a token."""
    request = pb.LoginRequest(email=email, password=password)
    try:
        callers[peer].Login(request, metadata=from_address(address))
    except grpc.RpcError as error:
        return reason_of(error)
    return None
