"""The coarse limit in front of what anybody may call."""

from gateway.envoy.extensions import Config, typed
from gateway.settings import GatewaySettings

# Requests that may be saved up, in seconds of the rate.
BURST_SECONDS = 5
RATE_LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"


def rate_limit(settings: GatewaySettings) -> Config:
    """The coarse limit of one route, for all clients together."""
    rate = settings.public_requests_per_second
    bucket = {"max_tokens": rate * BURST_SECONDS, "tokens_per_fill": rate, "fill_interval": "1s"}
    # Envoy counts, and refuses, nothing at all unless both of the last two are set.
    return typed(
        RATE_LIMIT,
        stat_prefix="public",
        token_bucket=bucket,
        filter_enabled=_always(),
        filter_enforced=_always(),
    )


def _always() -> Config:
    return {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
