"""Channels to FastMP's services: mutual TLS, load balancing, keepalive, deadlines, retries of idempotent calls."""

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
    language: str | None = None,
    call_seconds: float = CALL_SECONDS,
    stream_seconds: float = STREAM_SECONDS,
) -> grpc.Channel:
    """Returns a channel to the replicas of `service`, for its generated stub. Close it after use.

    `addresses` is one "host:port" or several, separated by commas; calls are distributed round-robin. A single host
    name may resolve to many replicas; several addresses must be IPv4 addresses. The server's certificate must have
    the service's name. With `access_token`, all calls are made as that account.
    Messages are Chinese, or in the `language` preferred by this value of an Accept-Language header, such as "en".

    A call without a `timeout` ends after `call_seconds`, a stream after `stream_seconds`. Calls raise FastMPError.
    Calls that the protos declare idempotent are sent up to three times if the server is unavailable. The channel
    connects on the first call. It does not use a proxy from the environment. Raises OSError if a certificate file
    cannot be read.
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
    return grpc.intercept_channel(secured, CallPolicy(call_seconds, stream_seconds, access_token, language))


def target_of(addresses: str) -> str:
    """Returns the gRPC target for the `addresses` of channel()."""
    several = [address.strip() for address in addresses.split(",") if address.strip()]
    return f"dns:///{several[0]}" if len(several) == 1 else "ipv4:" + ",".join(several)


def service_config() -> str:
    """Returns gRPC's service config as JSON: round-robin load balancing, and retries of idempotent calls."""
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
