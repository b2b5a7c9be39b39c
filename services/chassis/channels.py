"""Channels to other FastMP services: mutual TLS, all replicas, keepalive, retries where a repeat is safe."""

import json
from collections.abc import Iterable

import grpc
from grpc.experimental import ChannelOptions

from services.chassis.mutual_tls import TlsFiles
from services.chassis.renewing_channel import RenewingChannel


def target_of(addresses: str) -> str:
    """The gRPC target of one "host:port" or several separated by commas.

    Several must be IPv4 addresses; one name may stand for many replicas (a headless service).
    """
    several = [address.strip() for address in addresses.split(",") if address.strip()]
    return f"dns:///{several[0]}" if len(several) == 1 else "ipv4:" + ",".join(several)


def channel(
    addresses: str,
    service: str,
    tls: TlsFiles,
    idempotent: Iterable[tuple[str, str]] = (),
    *,
    quiet_streams: bool = False,
) -> grpc.Channel:
    """A channel to the replicas of `service`, whose certificate must carry that name.

    Calls of the `idempotent` (service, method) pairs are repeated when the server did not answer. With
    `quiet_streams` an iteration over a stream of answers waits for it directly, without a thread between that wakes
    up ten times a second. A renewed certificate counts from the next call on. Raises OSError when a file of `tls`
    cannot be read.
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
        # The shell's http_proxy is for the way out; nothing between the parts goes through it.
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config", json.dumps(config)),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        # Calls fail for as long as this after the other side is back; an attempt costs it next to nothing.
        ("grpc.max_reconnect_backoff_ms", 500),
        ("grpc.initial_reconnect_backoff_ms", 200),
        *(((ChannelOptions.SingleThreadedUnaryStream, 1),) if quiet_streams else ()),
    )
    target = target_of(addresses)
    return RenewingChannel(tls, lambda credentials: grpc.secure_channel(target, credentials, options))
