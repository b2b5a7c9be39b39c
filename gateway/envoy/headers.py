"""The headers that are removed from requests, removed from answers, and added to answers."""

from gateway.envoy import filter_names
from gateway.envoy.extensions import Config, extension

# Browsers send the cookies of every program on the same host; no service reads them.
_UNUSED = ("cookie",)
# gRPC refuses a call with a header name that is valid in HTTP but not in gRPC, or with a -bin header whose value is
# not base64. No service reads such headers. Names that begin with a colon are HTTP/2's pseudo-headers.
_NO_METADATA = ".*[^:0-9a-z_.-].*|.*-bin"
# Added to every answer, of the gateway and of services, that does not have them.
ALWAYS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


def header_mutation() -> Config:
    """Returns the outermost HTTP filter, which changes requests before all other filters and answers after them."""
    return extension(
        filter_names.HEADERS,
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": _request(), "response_mutations": _response()},
    )


def _request() -> list[Config]:
    # Only the gateway may set headers that services trust, that control Envoy, or that are gRPC metadata.
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
