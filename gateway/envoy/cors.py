"""Which pages of other origins may call, and the answer to their browsers' preflights."""

from gateway.envoy.extensions import Config, typed
from gateway.settings import GatewaySettings

PREFLIGHT_SECONDS = 600


def cors_policy(settings: GatewaySettings) -> Config:
    """The policy of all routes. Tokens travel in a header, so no credentials of the browser's are asked for."""
    return typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"exact": origin} for origin in settings.cors_origins],
        allow_methods="GET, POST, PUT, DELETE",
        allow_headers="authorization, content-type",
        expose_headers="x-request-id, retry-after, content-disposition, x-fastmp-rows",
        max_age=str(PREFLIGHT_SECONDS),
    )


def preflight_route(cluster: str) -> Config:
    """The route of every preflight; it never sends a call to `cluster`."""
    # Envoy answers preflights of allowed origins by itself, but only on a route that leads to a cluster. The
    # others go on to the transcoder, which refuses them because no RPC is mapped to OPTIONS.
    headers = [
        {"name": ":method", "string_match": {"exact": "OPTIONS"}},
        {"name": "origin", "present_match": True},
        {"name": "access-control-request-method", "present_match": True},
    ]
    match = {"prefix": "/", "headers": headers}
    return {"name": "gateway.preflight", "match": match, "route": {"cluster": cluster}}
