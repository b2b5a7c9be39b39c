"""Coarse limits on what can be called without a token: by client network, then for all clients together."""

from gateway.envoy import filter_names
from gateway.envoy.extensions import Config, extension, typed
from gateway.settings import GatewaySettings

# Requests that may be saved up, in seconds of the rate.
BURST_SECONDS = 5
# Buckets of client networks that are kept; beyond them the one that was not used for longest is forgotten.
MOST_CLIENTS = 10_000
IPV4_PREFIX_BITS = 32
# A provider gives each customer at least a /64, so single IPv6 addresses would be no limit.
IPV6_PREFIX_BITS = 64
RATE_LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"


def rate_limit_filters(settings: GatewaySettings) -> list[Config]:
    """The two filters, off where a route does not switch them on. All routes that do share their buckets.

    The client's own limit comes first: what it refuses takes nothing from the limit of all clients.
    """
    total = _limit("public_total", _bucket(settings.public_requests_per_second_total))
    return [
        {**extension(filter_names.CLIENT_RATE_LIMIT, RATE_LIMIT, **_by_client(settings)), "disabled": True},
        {**extension(filter_names.TOTAL_RATE_LIMIT, RATE_LIMIT, **total), "disabled": True},
    ]


def public_limits() -> Config:
    """The part of a public route's filter configuration that puts both limits in front of it."""
    switched_on = typed("envoy.config.route.v3.FilterConfig", config={})
    return {filter_names.CLIENT_RATE_LIMIT: switched_on, filter_names.TOTAL_RATE_LIMIT: switched_on}


def health_limits(settings: GatewaySettings) -> Config:
    """The same for GET /health: the client's limit alone, in buckets apart from those of all other routes."""
    # A load balancer that asks from a busy address, or while the total is used up, must not see 429.
    return {filter_names.CLIENT_RATE_LIMIT: typed(RATE_LIMIT, **_by_client(settings))}


def _by_client(settings: GatewaySettings) -> Config:
    bucket = _bucket(settings.public_requests_per_second)
    masks = {
        "v4_prefix_mask_len": {"value": IPV4_PREFIX_BITS},
        "v6_prefix_mask_len": {"value": IPV6_PREFIX_BITS},
    }
    return {
        # The first bucket is for clients without an IP address, which a TCP listener does not have.
        **_limit("public", bucket),
        "always_consume_default_token_bucket": {"value": False},
        "rate_limits": [{"actions": [{"masked_remote_address": masks}]}],
        # An entry without a value stands for every value: each has a bucket of its own.
        "descriptors": [{"entries": [{"key": "masked_remote_address"}], "token_bucket": bucket}],
        "max_dynamic_descriptors": {"value": MOST_CLIENTS},
    }


def _limit(stat_prefix: str, bucket: Config) -> Config:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    # Envoy counts, and refuses, nothing at all unless both of the last two are set.
    return {
        "stat_prefix": stat_prefix,
        "token_bucket": bucket,
        "filter_enabled": always,
        "filter_enforced": always,
    }


def _bucket(rate: int) -> Config:
    return {"max_tokens": rate * BURST_SECONDS, "tokens_per_fill": rate, "fill_interval": "1s"}
