"""Coarse limits on what can be called without a token: by client network, then for all clients together."""

from gateway.envoy import filter_names
from gateway.envoy.extensions import Config, extension, typed
from gateway.settings import GatewaySettings

# The capacity of a bucket, in seconds of its rate.
BURST_SECONDS = 5
# The number of client networks whose buckets are kept; beyond it the least recently used one is dropped.
MOST_CLIENTS = 10_000
IPV4_PREFIX_BITS = 32
# A provider gives each customer at least a /64, so a limit on single IPv6 addresses would be no limit.
IPV6_PREFIX_BITS = 64
# A proxy that listens for IPv6 and IPv4 together may write an IPv4 address as ::ffff:203.0.113.7. All of these are
# in one /64.
_FORWARDED_IPV4 = "forwarded IPv4"
_IPV6_BITS = {"plain": IPV6_PREFIX_BITS, _FORWARDED_IPV4: 128}
RATE_LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"


def rate_limit_filters(settings: GatewaySettings) -> list[Config]:
    """Returns the two filters, disabled unless a route enables them. All routes that do share their buckets.

    The limit by client comes first: a request that it refuses does not count towards the total limit.
    """
    total = _limit("public_total", _bucket(settings.public_requests_per_second_total))
    return [
        {**extension(filter_names.CLIENT_RATE_LIMIT, RATE_LIMIT, **_by_client(settings)), "disabled": True},
        {**extension(filter_names.TOTAL_RATE_LIMIT, RATE_LIMIT, **total), "disabled": True},
    ]


def public_limits() -> Config:
    """Returns the part of a public route's filter configuration that enables both limits."""
    switched_on = typed("envoy.config.route.v3.FilterConfig", config={})
    return {filter_names.CLIENT_RATE_LIMIT: switched_on, filter_names.TOTAL_RATE_LIMIT: switched_on}


def health_limits(settings: GatewaySettings) -> Config:
    """Returns the same for GET /health: only the limit by client, in buckets of its own."""
    # A load balancer must not see 429 because its address is busy or the total limit is reached.
    return {filter_names.CLIENT_RATE_LIMIT: typed(RATE_LIMIT, **_by_client(settings))}


def _by_client(settings: GatewaySettings) -> Config:
    bucket = _bucket(settings.public_requests_per_second)
    return {
        # The first bucket is for clients without an IP address, which a TCP listener does not have.
        **_limit("public", bucket),
        "always_consume_default_token_bucket": {"value": False},
        "rate_limits": [
            {"actions": _network(kind, bits, settings.trusted_proxies)} for kind, bits in _IPV6_BITS.items()
        ],
        # An entry without a value matches every value, each with a bucket of its own.
        "descriptors": [
            {
                "entries": [{"key": "header_match", "value": kind}, {"key": "masked_remote_address"}],
                "token_bucket": bucket,
            }
            for kind in _IPV6_BITS
        ],
        "max_dynamic_descriptors": {"value": MOST_CLIENTS},
    }


def _network(kind: str, ipv6_bits: int, trusted_proxies: int) -> list[Config]:
    """Returns the actions that name the client's network, for requests of the kind only."""
    # Envoy has appended the connection's address. What is before the trusted proxies' addresses may be forged.
    mapped = "(?i)(?:.*,)? *::ffff:[^,]*" + "(?:,[^,]*)" * trusted_proxies
    is_mapped = {"name": "x-forwarded-for", "string_match": {"safe_regex": {"regex": mapped}}}
    masks = {
        "v4_prefix_mask_len": {"value": IPV4_PREFIX_BITS},
        "v6_prefix_mask_len": {"value": ipv6_bits},
    }
    return [
        {
            "header_value_match": {
                "descriptor_value": kind,
                "expect_match": kind == _FORWARDED_IPV4,
                "headers": [is_mapped],
            }
        },
        {"masked_remote_address": masks},
    ]


def _limit(stat_prefix: str, bucket: Config) -> Config:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    # Envoy neither counts nor refuses anything unless both of the last two are set.
    return {
        "stat_prefix": stat_prefix,
        "token_bucket": bucket,
        "filter_enabled": always,
        "filter_enforced": always,
    }


def _bucket(rate: int) -> Config:
    return {"max_tokens": rate * BURST_SECONDS, "tokens_per_fill": rate, "fill_interval": "1s"}
