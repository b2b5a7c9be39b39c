"""Routes that refuse requests outside the contract before they reach a service."""

from collections.abc import Iterable

from gateway.envoy import filter_names
from gateway.envoy.extensions import Config, typed
from gateway.envoy.path_matching import URL_CHARACTER, has_query, path_regex


def native_grpc() -> Config:
    """Returns a route that refuses native gRPC on any path."""
    # The transcoder passes native gRPC requests through unchanged, whatever their path.
    grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc", "ignore_case": True}}
    route = _refusal("gateway.native_grpc", {"prefix": "/", "headers": [grpc]}, 404)
    # A gRPC client reads the refusal from grpc-status, which the header filter removes from answers.
    route["typed_per_filter_config"][filter_names.HEADERS] = typed(
        "envoy.config.route.v3.FilterConfig", disabled=True
    )
    return route


def malformed_path() -> Config:
    """Returns a route that refuses a malformed path or query."""
    # With text that is not UTF-8, the service would receive a message that it cannot parse.
    well_formed = {"safe_regex": {"regex": f"(?:{URL_CHARACTER})*"}}
    header = {"name": ":path", "string_match": well_formed, "invert_match": True}
    return _refusal("gateway.malformed_path", {"prefix": "/", "headers": [header]}, 400)


def unknown_query(templates: Iterable[str]) -> Config:
    """Returns a route that refuses a query on the paths of `templates`, which take none."""
    patterns = "|".join(dict.fromkeys(path_regex(template) for template in templates))
    match = {"safe_regex": {"regex": patterns}, "headers": [has_query()]}
    return _refusal("gateway.unknown_query", match, 400)


def nothing_else() -> Config:
    """Returns a route that refuses every request that no earlier route matches."""
    return _refusal("gateway.unknown", {"prefix": "/"}, 404)


def transcoder_off() -> Config:
    """Returns the filter configuration of a route that does not lead to an RPC: the transcoder is disabled."""
    message = "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder"
    return {
        filter_names.TRANSCODER: typed(
            "envoy.config.route.v3.FilterConfig", disabled=True, config=typed(message)
        )
    }


def _refusal(name: str, match: Config, status: int) -> Config:
    # error_replies.py adds the body.
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": status},
        "typed_per_filter_config": transcoder_off(),
    }
