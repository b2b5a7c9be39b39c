"""Headers that may not come in, must not go out, and always go out."""

from gateway.envoy import filter_names
from gateway.envoy.extensions import Config, extension

# Browsers send those of every program on the same host; no service reads them.
_UNUSED = ("cookie",)
# gRPC refuses the whole call for names that HTTP allows, and for names in -bin whose value is not base64. Nobody
# reads such headers. A colon begins the names of HTTP/2's own.
_NO_METADATA = ".*[^:0-9a-z_.-].*|.*-bin"
# On every answer, whoever makes it, unless it brings its own.
ALWAYS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


def header_mutation() -> Config:
    """The outermost HTTP filter: cleans requests before, and answers after, all others."""
    return extension(
        filter_names.HEADERS,
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": _request(), "response_mutations": _response()},
    )


def _request() -> list[Config]:
    # What services believe from the gateway, what Envoy takes orders from, and a call's gRPC metadata
    # (grpc-timeout among it) are the gateway's own business.
    prefixes = ("x-fastmp-", "x-envoy-", "grpc-")
    return [
        *(_remove_prefix(prefix) for prefix in prefixes),
        *({"remove": name} for name in _UNUSED),
        {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": _NO_METADATA}}}},
    ]


def _response() -> list[Config]:
    return [
        *(_remove_prefix(prefix) for prefix in ("grpc-", "x-envoy-")),
        {"remove": "server"},
        *(
            {"append": {"header": {"key": name, "value": value}, "append_action": "ADD_IF_ABSENT"}}
            for name, value in ALWAYS.items()
        ),
    ]


def _remove_prefix(prefix: str) -> Config:
    return {"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}}
