"""One route for each RPC that the protos map to REST."""

from google.protobuf.descriptor_pb2 import MethodOptions

from fastmp.access.v1 import access_pb2
from gateway.contract import Rpc
from gateway.envoy import broken_streams, filter_names
from gateway.envoy.extensions import Config, set_header, typed
from gateway.envoy.fields import checked
from gateway.envoy.path_matching import has_query, path_pattern
from gateway.envoy.rate_limits import public_limits
from gateway.envoy.route_names import route_name

# Services limit a unary call to 30 s themselves and answer with a better error; these are a little longer.
UNARY_SECONDS = 31
# BeginLogin answers within a few seconds: the service's own timeouts end well before this.
UNARY_SECONDS_OF = {"BeginLogin": 20}
# Login streams send a heartbeat every 15 s and downloads send data continuously: a stream idle for longer is dead.
STREAM_IDLE_SECONDS = 60
LARGEST_REQUEST_BYTES = 64 * 1024
BUFFER = "envoy.extensions.filters.http.buffer.v3.Buffer"


def rpc_route(rpc: Rpc) -> Config:
    """Returns the route that matches the REST path and verb of `rpc`, and nothing else."""
    headers = [{"name": ":method", "string_match": {"exact": rpc.verb}}]
    if not rpc.query_fields:
        # The transcoder lets a query override the path or the body, and URLs are often logged.
        headers.append(has_query(invert=True))
    per_filter: Config = {filter_names.BUFFER: _buffered(), **checked(rpc)}
    if rpc.access == access_pb2.PUBLIC:
        per_filter.update(public_limits())
    if rpc.is_streaming:
        per_filter.update(broken_streams.switched_on())
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
    # Envoy's route timeout is not sent to the service, and clients may not set a deadline.
    return [] if rpc.is_streaming else [set_header("grpc-timeout", f"{_unary_seconds(rpc)}S")]


def _unary_seconds(rpc: Rpc) -> int:
    return UNARY_SECONDS_OF.get(rpc.name, UNARY_SECONDS)


def _retry_policy(rpc: Rpc) -> Config:
    # A call without a connection, or that the service refused unprocessed (HTTP/2), had no effect.
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
