"""gRPC calls straight to replicas over mutual TLS, past Envoy."""

import contextlib
from collections.abc import Iterator

import grpc

from deploy.local.stack import LocalStack
from services.chassis.channels import channel
from services.chassis.errors import reason_of

# What operators with grpcurl come with; a user's own token goes along.
OPERATOR = "ops"


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The call metadata of an account's token."""
    return (("authorization", f"Bearer {token}"),)


@contextlib.contextmanager
def channels(
    stack: LocalStack, service: str, count: int, certificate: str = OPERATOR
) -> Iterator[list[grpc.Channel]]:
    """`count` connections to the service's replicas, spread evenly."""
    addresses = stack.addresses(service)
    with contextlib.ExitStack() as held:
        yield [
            held.enter_context(
                channel(addresses[number % len(addresses)], service, stack.tls_files(certificate))
            )
            for number in range(count)
        ]


def refusal(error: grpc.RpcError) -> str:
    """Code and reason of a refused call, "FAILED_PRECONDITION CODE_ALREADY_USED"."""
    return f"{error.code().name} {reason_of(error) or ''}".strip()
