"""The chain of HTTP filters, in the order in which a request passes them."""

from gateway.contract import Contract
from gateway.envoy import filter_names
from gateway.envoy.broken_streams import reset_broken_streams
from gateway.envoy.extensions import Config, extension
from gateway.envoy.fields import fields_filter
from gateway.envoy.forwarded_for import forwarded_for_warning
from gateway.envoy.headers import header_mutation
from gateway.envoy.health import health_filter
from gateway.envoy.rate_limits import rate_limit_filters
from gateway.envoy.rpc_routes import BUFFER, LARGEST_REQUEST_BYTES
from gateway.settings import GatewaySettings

# 10,000 new codes in one answer are 4 MB of JSON. The limit does not apply to streams.
LARGEST_UNARY_ANSWER_BYTES = 16 << 20


def http_filters(contract: Contract, descriptor_set: str, settings: GatewaySettings) -> list[Config]:
    """Returns the filters from the outermost to the router. `descriptor_set` is the path of the file for Envoy."""
    return [
        header_mutation(),
        *forwarded_for_warning(settings),
        extension(filter_names.CORS, "envoy.extensions.filters.http.cors.v3.Cors"),
        *rate_limit_filters(settings),
        health_filter(contract.services, settings.fastmp_env),
        {**_buffer(), "disabled": True},
        fields_filter(contract),
        reset_broken_streams(),
        _transcoder(contract, descriptor_set),
        extension(
            "envoy.filters.http.router",
            "envoy.extensions.filters.http.router.v3.Router",
            suppress_envoy_headers=True,
        ),
    ]


def _buffer() -> Config:
    # Disabled unless a route enables it: it would delay a refusal until the whole request has arrived.
    return extension(filter_names.BUFFER, BUFFER, max_request_bytes=LARGEST_REQUEST_BYTES)


def _transcoder(contract: Contract, descriptor_set: str) -> Config:
    return extension(
        filter_names.TRANSCODER,
        "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=descriptor_set,
        services=list(contract.grpc_services),
        # Routes match the REST path, so a gRPC path matches none.
        match_incoming_request_route=True,
        convert_grpc_status=True,
        print_options={
            "preserve_proto_field_names": True,
            # Callers expect `is_current: false` and `total: 0`. Unset optional and message fields are left out.
            "always_print_primitive_fields": True,
            "stream_sse_style_delimited": True,
        },
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        # HTML forms and HTTP libraries encode a space as a plus sign.
        query_param_unescape_plus=True,
        max_request_body_size={"value": LARGEST_REQUEST_BYTES},
        max_response_body_size={"value": LARGEST_UNARY_ANSWER_BYTES},
    )
