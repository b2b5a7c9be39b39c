"""One route for each RPC that the protos map to REST, a few pages of the gateway's own, and nothing else."""

import re
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.descriptor_pb2 import MethodOptions

from fastmp.access.v1 import access_pb2
from gateway.contract import Rpc
from gateway.extensions import Config, set_header, typed
from gateway.settings import GatewaySettings

BUFFER_FILTER = "envoy.filters.http.buffer"
BUFFER = "envoy.extensions.filters.http.buffer.v3.Buffer"
TRANSCODER_FILTER = "envoy.filters.http.grpc_json_transcoder"
RATE_LIMIT_FILTER = "envoy.filters.http.local_ratelimit"
HEADER_FILTER = "envoy.filters.http.header_mutation"
CORS_FILTER = "envoy.filters.http.cors"

# Services hold a unary call to 30 s by themselves, and theirs is the better answer; these are a little longer.
UNARY_SECONDS = 31
# A login's QR code comes "at once": the service's own limits end well before this.
UNARY_SECONDS_OF = {"BeginLogin": 20}
# Login streams send a heartbeat every 15 s and a download moves all the time: after this nobody is there any more.
STREAM_IDLE_SECONDS = 60
# Tokens of the coarse rate limit that may be saved up, in seconds of its rate.
BURST_SECONDS = 5
LARGEST_REQUEST_BYTES = 64 * 1024
LARGEST_PAGE_BYTES = 8 << 20
PREFLIGHT_SECONDS = 600

# A character as it is, or percent-encoded UTF-8 (RFC 3629, section 4).
_TAIL = "%[89ABab][0-9A-Fa-f]"
_URL_CHARACTER = "|".join(
    (
        "[!-$&-~]",
        "%[0-7][0-9A-Fa-f]",
        f"%(?:[Cc][2-9A-Fa-f]|[Dd][0-9A-Fa-f]){_TAIL}",
        f"%[Ee]0%[ABab][0-9A-Fa-f]{_TAIL}",
        f"%[Ee](?:[1-9A-Ca-c]|[EFef]){_TAIL}{_TAIL}",
        f"%[Ee][Dd]%[89][0-9A-Fa-f]{_TAIL}",
        f"%[Ff]0%(?:9|[ABab])[0-9A-Fa-f]{_TAIL}{_TAIL}",
        f"%[Ff][1-3]{_TAIL}{_TAIL}{_TAIL}",
        f"%[Ff]4%8[0-9A-Fa-f]{_TAIL}{_TAIL}",
    )
)


def route_name(rpc: Rpc) -> str:
    """What the access log calls the route: "IdentityService.GetMe" never holds a secret, a path may."""
    return rpc.path.rpartition(".")[2].replace("/", ".")


def route_configuration(
    rpcs: Sequence[Rpc], pages: Mapping[str, Config], settings: GatewaySettings
) -> Config:
    """All routes, in order. `pages` holds the routes of the gateway's own pages by path; they answer GET only."""
    return {
        "name": "fastmp",
        "virtual_hosts": [_virtual_host(rpcs, pages, settings)],
        # A page is a file that the gateway was configured with; Envoy's default would refuse it beyond 4 KiB.
        "max_direct_response_body_size_bytes": LARGEST_PAGE_BYTES,
        # Services have no use for them, and the path holds what no log of theirs shall show.
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
            _preflight(rpcs[0].service),
            _native_grpc(),
            _malformed_path(),
            *(_page(path, route, settings) for path, route in pages.items()),
            *(_rpc(rpc, settings) for rpc in rpcs),
            _unknown_query([*pages, *(rpc.template for rpc in rpcs if not rpc.query_fields)]),
            _nothing_else(),
        ],
        "typed_per_filter_config": {CORS_FILTER: _cors(settings)},
    }


def path_pattern(template: str) -> Config:
    """How a route matches a REST path whose {variables} are one segment each."""
    return {"safe_regex": {"regex": _regex(template)}} if "{" in template else {"path": template}


def _regex(template: str) -> str:
    return "[^/]+".join(re.escape(part) for part in re.split(r"\{[a-z_]+\}", template))


def _rpc(rpc: Rpc, settings: GatewaySettings) -> Config:
    headers = [{"name": ":method", "string_match": {"exact": rpc.verb}}]
    if not rpc.query_fields:
        # The transcoder would let a query overrule the path or the body, and what is in a URL is soon in a log.
        headers.append(_has_query(invert=True))
    per_filter: Config = {BUFFER_FILTER: _buffered()}
    if rpc.access == access_pb2.PUBLIC:
        per_filter[RATE_LIMIT_FILTER] = rate_limit(settings)
    return {
        "name": route_name(rpc),
        "match": {**path_pattern(rpc.template), "headers": headers},
        "route": {"cluster": rpc.service, **_timeouts(rpc), "retry_policy": _retry_policy(rpc)},
        "request_headers_to_add": _deadline(rpc),
        "typed_per_filter_config": per_filter,
    }


def _buffered() -> Config:
    limit = typed(f"{BUFFER}PerRoute", buffer={"max_request_bytes": LARGEST_REQUEST_BYTES})
    return typed("envoy.config.route.v3.FilterConfig", config=limit)


def _timeouts(rpc: Rpc) -> Config:
    if rpc.is_streaming:
        return {"timeout": "0s", "idle_timeout": f"{STREAM_IDLE_SECONDS}s"}
    seconds = _unary_seconds(rpc) + 1
    return {"timeout": f"{seconds}s", "idle_timeout": f"{seconds + 5}s"}


def _deadline(rpc: Rpc) -> list[Config]:
    # Envoy's route timeout does not reach the service. The client has no say in it: see request_cleaning.
    return [] if rpc.is_streaming else [set_header("grpc-timeout", f"{_unary_seconds(rpc)}S")]


def _unary_seconds(rpc: Rpc) -> int:
    return UNARY_SECONDS_OF.get(rpc.name, UNARY_SECONDS)


def _retry_policy(rpc: Rpc) -> Config:
    # A call that found no connection, or that HTTP/2 says was not looked at, has done nothing yet.
    retry_on = ["connect-failure", "refused-stream"]
    if rpc.idempotency != MethodOptions.IDEMPOTENCY_UNKNOWN:
        retry_on += ["reset", "unavailable"]
    return {
        "retry_on": ",".join(retry_on),
        "num_retries": 2,
        "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
            }
        ],
        "host_selection_retry_max_attempts": 3,
    }


def rate_limit(settings: GatewaySettings) -> Config:
    """The coarse limit of one public route, for all clients together."""
    rate = settings.public_requests_per_second
    bucket = {"max_tokens": rate * BURST_SECONDS, "tokens_per_fill": rate, "fill_interval": "1s"}
    # Envoy counts, and refuses, nothing at all unless both of the last two are set.
    return typed(
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="public",
        token_bucket=bucket,
        filter_enabled=_always(),
        filter_enforced=_always(),
    )


def _always() -> Config:
    return {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def _page(path: str, route: Config, settings: GatewaySettings) -> Config:
    per_filter = {**transcoder_off(), RATE_LIMIT_FILTER: rate_limit(settings)}
    per_filter.update(route.get("typed_per_filter_config", {}))
    only_get = {"name": ":method", "string_match": {"exact": "GET"}}
    match = {"path": path, "headers": [only_get, _has_query(invert=True)]}
    return {**route, "name": f"gateway{path}", "match": match, "typed_per_filter_config": per_filter}


def _preflight(cluster: str) -> Config:
    # Envoy answers preflights of allowed origins by itself, but only on a route that leads to a cluster. The
    # others go on to the transcoder, which refuses them because no RPC is mapped to OPTIONS.
    headers = [
        {"name": ":method", "string_match": {"exact": "OPTIONS"}},
        {"name": "origin", "present_match": True},
        {"name": "access-control-request-method", "present_match": True},
    ]
    match = {"prefix": "/", "headers": headers}
    return {"name": "gateway.preflight", "match": match, "route": {"cluster": cluster}}


def _native_grpc() -> Config:
    # The transcoder lets a request that is gRPC already pass untouched, whatever its path.
    grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc", "ignore_case": True}}
    route = _refusal("gateway.native_grpc", {"prefix": "/", "headers": [grpc]}, 404)
    # Such a caller reads the refusal from the grpc-status that is taken out of all other answers.
    route["typed_per_filter_config"][HEADER_FILTER] = typed(
        "envoy.config.route.v3.FilterConfig", disabled=True
    )
    return route


def _malformed_path() -> Config:
    # What is no UTF-8 would reach the service as a message that it cannot even parse.
    well_formed = {"safe_regex": {"regex": f"(?:{_URL_CHARACTER})*"}}
    header = {"name": ":path", "string_match": well_formed, "invert_match": True}
    return _refusal("gateway.malformed_path", {"prefix": "/", "headers": [header]}, 400)


def _unknown_query(templates: Iterable[str]) -> Config:
    patterns = "|".join(dict.fromkeys(_regex(template) for template in templates))
    match = {"safe_regex": {"regex": patterns}, "headers": [_has_query()]}
    return _refusal("gateway.unknown_query", match, 400)


def _nothing_else() -> Config:
    return _refusal("gateway.unknown", {"prefix": "/"}, 404)


def _refusal(name: str, match: Config, status: int) -> Config:
    # The body is written by error_replies.
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": status},
        "typed_per_filter_config": transcoder_off(),
    }


def transcoder_off() -> Config:
    """For a route that is no RPC's."""
    message = "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder"
    return {
        TRANSCODER_FILTER: typed("envoy.config.route.v3.FilterConfig", disabled=True, config=typed(message))
    }


def _has_query(*, invert: bool = False) -> Config:
    return {"name": ":path", "string_match": {"safe_regex": {"regex": r"[^?]*\?.+"}}, "invert_match": invert}


def _cors(settings: GatewaySettings) -> Config:
    return typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"exact": origin} for origin in settings.cors_origins],
        allow_methods="GET, POST, PUT, DELETE",
        allow_headers="authorization, content-type",
        expose_headers="x-request-id, retry-after, content-disposition",
        max_age=str(PREFLIGHT_SECONDS),
    )
