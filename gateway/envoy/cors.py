"""CORS: the origins whose pages may call the gateway, and the answers to preflight requests."""

from gateway.envoy.extensions import Config, typed
from gateway.settings import GatewaySettings

PREFLIGHT_SECONDS = 600


def cors_policy(settings: GatewaySettings) -> Config:
    """Returns the policy of all routes. It allows no browser credentials, since tokens are sent in a header."""
    return typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"exact": origin} for origin in settings.cors_origins],
        allow_methods="GET, POST, PUT, DELETE",
        allow_headers="authorization, content-type",
        expose_headers="x-request-id, retry-after, content-disposition, x-fastmp-rows",
        max_age=str(PREFLIGHT_SECONDS),
    )


def preflight_route(cluster: str) -> Config:
    """Returns the route of every preflight request; it never sends a call to `cluster`."""
    # Envoy answers preflights of allowed origins itself, but only on a route with a cluster. Those of other origins
    # reach the transcoder, which refuses them because no RPC is mapped to OPTIONS.
    headers = [
        {"name": ":method", "string_match": {"exact": "OPTIONS"}},
        {"name": "origin", "present_match": True},
        {"name": "access-control-request-method", "present_match": True},
    ]
    match = {"prefix": "/", "headers": headers}
    return {"name": "gateway.preflight", "match": match, "route": {"cluster": cluster}}
