"""All routes in order: refusals, preflights, the gateway's own pages, and one for each RPC on REST."""

from collections.abc import Mapping, Sequence

from gateway.contract import Rpc
from gateway.envoy import filter_names
from gateway.envoy.cors import cors_policy, preflight_route
from gateway.envoy.extensions import Config, set_header
from gateway.envoy.rate_limits import public_limits
from gateway.envoy.refusals import malformed_path, native_grpc, nothing_else, transcoder_off, unknown_query
from gateway.envoy.rpc_routes import rpc_route
from gateway.settings import GatewaySettings

LARGEST_PAGE_BYTES = 8 << 20


def route_configuration(
    rpcs: Sequence[Rpc], pages: Mapping[str, Config], settings: GatewaySettings
) -> Config:
    """Returns all routes. `pages` holds the routes of the gateway's own pages by path; they answer GET and HEAD."""
    return {
        "name": "fastmp",
        "virtual_hosts": [_virtual_host(rpcs, pages, settings)],
        # A page is a file of the gateway's configuration; Envoy's default limit is 4 KiB.
        "max_direct_response_body_size_bytes": LARGEST_PAGE_BYTES,
        # Services do not use these headers, and the path contains secrets that must not appear in their logs.
        "request_headers_to_remove": ["x-envoy-original-path", "x-forwarded-for", "x-forwarded-proto"],
        "request_headers_to_add": [
            set_header("x-fastmp-client-address", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
        ],
    }


def _virtual_host(rpcs: Sequence[Rpc], pages: Mapping[str, Config], settings: GatewaySettings) -> Config:
    return {
        "name": "fastmp",
        "domains": ["*"],
        "routes": [
            native_grpc(),
            malformed_path(),
            # After the two refusals, because it has a service's cluster.
            preflight_route(rpcs[0].service),
            *(_page(path, route) for path, route in pages.items()),
            *(rpc_route(rpc) for rpc in rpcs),
            unknown_query(rpc.template for rpc in rpcs if not rpc.query_fields),
            nothing_else(),
        ],
        "typed_per_filter_config": {filter_names.CORS: cors_policy(settings)},
    }


def _page(path: str, route: Config) -> Config:
    per_filter = {**transcoder_off(), **route.get("typed_per_filter_config", public_limits())}
    # Envoy answers HEAD like GET, without the body. A query is ignored: programs append one to shared links.
    reading = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
    match = {"path": path, "headers": [reading]}
    return {**route, "name": f"gateway{path}", "match": match, "typed_per_filter_config": per_filter}
