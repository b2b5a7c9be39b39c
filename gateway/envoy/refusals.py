"""Routes that refuse requests which are not calls of the contract, before they reach a service."""

from collections.abc import Iterable

from gateway.envoy import filter_names
from gateway.envoy.extensions import Config, typed
from gateway.envoy.path_matching import URL_CHARACTER, has_query, path_regex


def native_grpc() -> Config:
    """Refuses native gRPC on any path."""
    # The transcoder lets a request that is gRPC already pass untouched, whatever its path.
    grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc", "ignore_case": True}}
    route = _refusal("gateway.native_grpc", {"prefix": "/", "headers": [grpc]}, 404)
    # Such a caller reads the refusal from the grpc-status that is taken out of all other answers.
    route["typed_per_filter_config"][filter_names.HEADERS] = typed(
        "envoy.config.route.v3.FilterConfig", disabled=True
    )
    return route


def malformed_path() -> Config:
    """Refuses a path or query that is not well-formed."""
    # Text that is not UTF-8 would reach the service as a message that it cannot parse.
    well_formed = {"safe_regex": {"regex": f"(?:{URL_CHARACTER})*"}}
    header = {"name": ":path", "string_match": well_formed, "invert_match": True}
    return _refusal("gateway.malformed_path", {"prefix": "/", "headers": [header]}, 400)


def unknown_query(templates: Iterable[str]) -> Config:
    """Refuses a query on the paths of `templates`, which take none."""
    patterns = "|".join(dict.fromkeys(path_regex(template) for template in templates))
    match = {"safe_regex": {"regex": patterns}, "headers": [has_query()]}
    return _refusal("gateway.unknown_query", match, 400)


def nothing_else() -> Config:
    """Refuses what no earlier route has matched."""
    return _refusal("gateway.unknown", {"prefix": "/"}, 404)


def transcoder_off() -> Config:
    """The filter configuration of a route that does not lead to an RPC: the transcoder is off."""
    message = "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder"
    return {
        filter_names.TRANSCODER: typed(
            "envoy.config.route.v3.FilterConfig", disabled=True, config=typed(message)
        )
    }


def _refusal(name: str, match: Config, status: int) -> Config:
    # The body is written by error_replies.
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": status},
        "typed_per_filter_config": transcoder_off(),
    }
