"""Resets streams that fail after their first byte, which the transcoder would end as if they were complete."""

from gateway.envoy import filter_names
from gateway.envoy.extensions import Config, extension, typed

# A cluster without hosts: every request to it fails.
NOWHERE = "nowhere"


def reset_broken_streams() -> Config:
    """Returns the filter, disabled unless a route enables it. It must come before the transcoder.

    Once the body has started, the transcoder ignores the grpc-status of the trailers and ends the body regularly.
    No filter of Envoy can be configured to reset a stream, but Envoy resets a stream whose filter fails after the
    headers were sent: this one sends the trailers of a failed stream to an external processor that does not exist.
    """
    processor = extension(
        filter_names.BROKEN_STREAMS,
        "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service={"envoy_grpc": {"cluster_name": NOWHERE}},
        processing_mode={
            "request_header_mode": "SKIP",
            "response_header_mode": "SKIP",
            "response_trailer_mode": "SEND",
        },
    )
    return {
        **extension(
            filter_names.BROKEN_STREAMS,
            "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            extension_config=processor,
            xds_matcher=_skip_unless_broken(),
        ),
        "disabled": True,
    }


def switched_on() -> Config:
    """Returns the part of a streaming route's filter configuration that enables the filter."""
    return {filter_names.BROKEN_STREAMS: typed("envoy.config.route.v3.FilterConfig", config={})}


def nowhere_cluster() -> Config:
    """Returns the cluster of the external processor that does not exist."""
    return {
        "name": NOWHERE,
        "type": "STATIC",
        "load_assignment": {"cluster_name": NOWHERE},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                explicit_http_config={"http2_protocol_options": {}},
            )
        },
    }


def _skip_unless_broken() -> Config:
    trailer = extension(
        "grpc-status", "envoy.type.matcher.v3.HttpResponseTrailerMatchInput", header_name="grpc-status"
    )
    header = extension("status", "envoy.type.matcher.v3.HttpResponseHeaderMatchInput", header_name=":status")
    is_whole = _equals(trailer, "0")
    # The error of a call that failed before its first byte is the transcoder's answer, in the usual shape.
    is_refusal = {"not_matcher": _equals(header, "200")}
    skip = extension("skip", "envoy.extensions.filters.common.matcher.action.v3.SkipFilter")
    predicate = {"or_matcher": {"predicate": [is_whole, is_refusal]}}
    return {"matcher_list": {"matchers": [{"predicate": predicate, "on_match": {"action": skip}}]}}


def _equals(value: Config, text: str) -> Config:
    return {"single_predicate": {"input": value, "value_match": {"exact": text}}}
