"""The listener: its address, TLS, connection manager and the limits on HTTP connections and requests."""

from pathlib import Path

from gateway.envoy.access_log import access_log
from gateway.envoy.certificates import PUBLIC, reference
from gateway.envoy.error_replies import local_reply_config
from gateway.envoy.extensions import Config, extension
from gateway.envoy.tracing import tracing, without_outside_traces
from gateway.settings import GatewaySettings

# Browsers send the cookies of every program on the same host.
LARGEST_HEADERS_KIB = 60
MOST_HEADERS = 64
REQUEST_HEADERS_SECONDS = 10
REQUEST_SECONDS = 30
IDLE_CONNECTION_SECONDS = 300
# For requests that have not matched a route yet; routes set their own.
IDLE_STREAM_SECONDS = 60
STREAMS_PER_CONNECTION = 128
CONNECTION_BUFFER_BYTES = 256 * 1024


def listener(routes: Config, filters: list[Config], settings: GatewaySettings, secrets: Path) -> Config:
    """Returns the listener with its routes and HTTP filters. `secrets` is the folder of the secret files."""
    chain: Config = {"filters": [_connection_manager(routes, filters, settings)]}
    if settings.gateway_tls_certificate_file and settings.gateway_tls_key_file:
        chain["transport_socket"] = _https(secrets)
    return {
        "name": "gateway",
        "address": {
            "socket_address": {"address": settings.gateway_host, "port_value": settings.gateway_port}
        },
        # If it were on, a second Envoy on an occupied port would start silently and share its connections.
        "enable_reuse_port": False,
        "connection_balance_config": {"exact_balance": {}},
        "per_connection_buffer_limit_bytes": CONNECTION_BUFFER_BYTES,
        "tcp_backlog_size": 4096,
        "filter_chains": [chain],
    }


def _connection_manager(routes: Config, filters: list[Config], settings: GatewaySettings) -> Config:
    return extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="gateway",
        route_config=routes,
        http_filters=filters,
        access_log=[access_log(has_traces=settings.collector is not None)],
        local_reply_config=local_reply_config(),
        **_trust(settings),
        **_limits(),
        **without_outside_traces(),
        **tracing(settings),
        # Programs could interpret such paths differently.
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        server_header_transformation="PASS_THROUGH",
    )


def _trust(settings: GatewaySettings) -> Config:
    return {
        "use_remote_address": True,
        "xff_num_trusted_hops": settings.trusted_proxies,
        # Requests from "internal" addresses may control Envoy by headers and choose their request id. No client has
        # the address given here. With an empty list, Envoy was measured to treat all addresses as internal.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        # A client that could choose its request id could hide its calls among those of another in the logs.
        "generate_request_id": True,
        "preserve_external_request_id": False,
        "always_set_request_id_in_response": True,
    }


def _limits() -> Config:
    return {
        "codec_type": "AUTO",
        "max_request_headers_kb": LARGEST_HEADERS_KIB,
        "request_headers_timeout": f"{REQUEST_HEADERS_SECONDS}s",
        "request_timeout": f"{REQUEST_SECONDS}s",
        "stream_idle_timeout": f"{IDLE_STREAM_SECONDS}s",
        "common_http_protocol_options": {
            "idle_timeout": f"{IDLE_CONNECTION_SECONDS}s",
            "max_headers_count": MOST_HEADERS,
            # Many programs take "x_request_id" and "x-request-id" for the same header.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http_protocol_options": {
            # nginx uses HTTP/1.0 to upstream servers unless it is configured otherwise.
            "accept_http_10": True,
            "default_host_for_http_10": "fastmp",
            # An Upgrade header is ignored (RFC 9110, 7.8); by default Envoy would refuse the request.
            "ignore_http_11_upgrade": [{"safe_regex": {"regex": ".*"}}],
        },
        "http2_protocol_options": {
            "max_concurrent_streams": STREAMS_PER_CONNECTION,
            "initial_stream_window_size": 64 * 1024,
            "initial_connection_window_size": 1 << 20,
        },
    }


def _https(secrets: Path) -> Config:
    return extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [reference(secrets, PUBLIC)],
        },
    )


def connection_limit(settings: GatewaySettings) -> Config:
    """Returns the overload manager, which limits the total number of connections."""
    monitor = extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=settings.max_connections,
    )
    # This monitor counts connections when they open and close, so the refresh interval does not matter to it.
    return {"refresh_interval": "5s", "resource_monitors": [monitor]}
