"""Channels to FastMP's services: mutual TLS, all replicas, keepalive, deadlines, retries where a repeat is safe."""

import json
from typing import Literal

import grpc

from fastmp.client.call_policy import CallPolicy
from fastmp.client.credentials import TlsFiles, channel_credentials
from fastmp.client.idempotent_calls import IDEMPOTENT

# The names in the services' certificates.
Service = Literal["identity", "activation", "wechat_cookie"]
# BeginLogin, the slowest answer, waits up to 13 s for WeChat.
CALL_SECONDS = 20.0
STREAM_SECONDS = 3600.0


def channel(
    service: Service,
    addresses: str,
    tls: TlsFiles,
    *,
    access_token: str | None = None,
    call_seconds: float = CALL_SECONDS,
    stream_seconds: float = STREAM_SECONDS,
) -> grpc.Channel:
    """A channel to the replicas of `service` for its generated stub; close it, or use it as a context manager.

    `addresses` is one "host:port" or several, separated by commas, which take turns: several must be IPv4
    addresses, one name may stand for many replicas. The server's certificate must carry the service's name.
    With `access_token` all calls are made as that account.

    A call without a `timeout` ends after `call_seconds`, a stream after `stream_seconds`. Calls raise FastMPError.
    Those that the protos declare idempotent are sent up to three times while no server answers. Nothing is
    connected before the first call. A proxy that the environment names is not used. Raises OSError when a
    certificate file cannot be read.
    """
    secured = grpc.secure_channel(
        target_of(addresses),
        channel_credentials(tls),
        options=(
            ("grpc.ssl_target_name_override", service),
            ("grpc.enable_http_proxy", 0),
            ("grpc.service_config", service_config()),
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 5_000),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 2_000),
        ),
    )
    return grpc.intercept_channel(secured, CallPolicy(call_seconds, stream_seconds, access_token))


def target_of(addresses: str) -> str:
    """The gRPC target of `addresses` as channel() takes them."""
    several = [address.strip() for address in addresses.split(",") if address.strip()]
    return f"dns:///{several[0]}" if len(several) == 1 else "ipv4:" + ",".join(several)


def service_config() -> str:
    """gRPC's service config in JSON: replicas take turns, and idempotent calls are repeated."""
    names = [
        {"service": service, "method": method}
        for service, methods in IDEMPOTENT.items()
        for method in sorted(methods)
    ]
    retries = {
        "maxAttempts": 3,
        "initialBackoff": "0.05s",
        "maxBackoff": "0.5s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "methodConfig": [{"name": names, "retryPolicy": retries}],
        }
    )
