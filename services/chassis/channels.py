"""gRPC channels to other services: mutual TLS, load balancing, keepalive, retries of idempotent calls."""

import json
from collections.abc import Iterable

import grpc
from grpc.experimental import ChannelOptions

from services.chassis.mutual_tls import TlsFiles
from services.chassis.renewing_channel import RenewingChannel
from services.chassis.tracing import spans
from services.chassis.tracing.outgoing_calls import OutgoingCalls


def target_of(addresses: str) -> str:
    """Returns the gRPC target of one "host:port", or of several separated by commas.

    Several must be IPv4 addresses. A single host name may resolve to many replicas.
    """
    several = [address.strip() for address in addresses.split(",") if address.strip()]
    return f"dns:///{several[0]}" if len(several) == 1 else "ipv4:" + ",".join(several)


def channel(
    addresses: str, service: str, tls: TlsFiles, idempotent: Iterable[tuple[str, str]] = ()
) -> grpc.Channel:
    """Returns a channel to the replicas of `service`, whose certificates must have that name.

    Calls of the `idempotent` (service, method) pairs are retried after UNAVAILABLE. A renewed certificate is used
    from the next call on. Raises OSError if a file of `tls` cannot be read.
    """
    config = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{"service": service, "method": method} for service, method in idempotent],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "0.5s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
    options = (
        ("grpc.ssl_target_name_override", service),
        # http_proxy of the environment is not for calls between services.
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config", json.dumps(config)),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        # After an outage calls fail until the next attempt to connect, which costs little.
        ("grpc.max_reconnect_backoff_ms", 500),
        ("grpc.initial_reconnect_backoff_ms", 200),
        # An iteration over a stream has no thread of its own, which would wake ten times a second.
        (ChannelOptions.SingleThreadedUnaryStream, 1),
    )
    target = target_of(addresses)
    renewing = RenewingChannel(tls, lambda credentials: grpc.secure_channel(target, credentials, options))
    return grpc.intercept_channel(renewing, OutgoingCalls()) if spans.are_exported() else renewing
