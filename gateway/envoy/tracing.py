"""Traces of requests by Envoy's OpenTelemetry tracer, if a collector is set."""

from gateway.envoy.extensions import Config, extension, typed
from gateway.settings import Address, GatewaySettings
from services.chassis.tracing.settings import Collector

_CLUSTER = "traces"
_EXPORT_SECONDS = 10
# An outside caller must neither choose the trace of its calls, by which it could hide them among others, nor
# whether they are traced. Removed before the tracer and all filters see them.
_TRACE_CONTEXT = ("traceparent", "tracestate", "baggage", "x-client-trace-id")


def without_outside_traces() -> Config:
    """Returns the connection manager's fields that remove a caller's trace context, also if nothing is traced."""
    return {
        "early_header_mutation_extensions": [
            extension(
                "envoy.http.early_header_mutation.header_mutation",
                "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                mutations=[{"remove": name} for name in _TRACE_CONTEXT],
            )
        ]
    }


def tracing(settings: GatewaySettings) -> Config:
    """Returns the connection manager's fields of traces; none without a collector.

    A collector that does not answer delays no request: Envoy drops the spans.
    """
    if settings.collector is None:
        return {}
    provider = extension(
        "envoy.tracers.opentelemetry",
        "envoy.config.trace.v3.OpenTelemetryConfig",
        grpc_service={"envoy_grpc": {"cluster_name": _CLUSTER}, "timeout": f"{_EXPORT_SECONDS}s"},
        service_name="fastmp-gateway",
    )
    return {
        "tracing": {
            "provider": provider,
            "operation": "%ROUTE_NAME%",
            "random_sampling": {"value": 100 * settings.otel_traces_sampler_arg},
            "client_sampling": {"value": 0},
            # Paths and queries hold activation codes and login keys.
            "max_path_tag_length": 0,
        }
    }


def collector_clusters(settings: GatewaySettings) -> list[Config]:
    """Returns the cluster of the collector, or nothing without one."""
    collector = settings.collector
    return [] if collector is None else [_collector_cluster(collector)]


def _collector_cluster(collector: Collector) -> Config:
    address = {"socket_address": {"address": collector.host, "port_value": collector.port}}
    cluster: Config = {
        "name": _CLUSTER,
        "type": "STATIC" if Address(collector.host, collector.port).is_ip else "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": _CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                explicit_http_config={"http2_protocol_options": {}},
            )
        },
    }
    if collector.authority_file is not None:
        cluster["transport_socket"] = _tls(collector)
    return cluster


def _tls(collector: Collector) -> Config:
    kind = "IP_ADDRESS" if Address(collector.host, collector.port).is_ip else "DNS"
    return extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni=collector.host,
        common_tls_context={
            "alpn_protocols": ["h2"],
            "validation_context": {
                "trusted_ca": {"filename": str(collector.authority_file)},
                "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": collector.host}}],
            },
        },
    )
