"""The port of Envoy's statistics for Prometheus: one path of the administration interface, over mutual TLS.

The interface itself stays on its Unix socket, because its other paths change a running Envoy and show secrets.
"""

from pathlib import Path

from gateway.envoy.certificates import AUTHORITY, OWN, reference
from gateway.envoy.extensions import Config, extension
from gateway.settings import GatewaySettings

# Of the listener and of the cluster.
NAME = "statistics"
PATH = "/metrics"
MOST_CONNECTIONS = 16
# Envoy's name for the limit on the listener's connections.
CONNECTION_LIMIT = f"envoy.resource_limits.listener.{NAME}.connection_limit"
_SECONDS = "10s"


def statistics_cluster(admin_socket: Path) -> Config:
    """Returns the cluster of the administration interface, which only the route below uses."""
    host = {"endpoint": {"address": {"pipe": {"path": str(admin_socket)}}}}
    return {
        "name": NAME,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": NAME, "endpoints": [{"lb_endpoints": [host]}]},
    }


def statistics_listener(settings: GatewaySettings, port: int, secrets: Path) -> Config:
    """Returns the listener, for callers with a certificate. `secrets` is the folder of the secret files."""
    return {
        "name": NAME,
        "address": {"socket_address": {"address": settings.gateway_metrics_host, "port_value": port}},
        "enable_reuse_port": False,
        # It answers also while the gateway has as many connections as it may have.
        "ignore_global_conn_limit": True,
        "filter_chains": [{"filters": [_connection_manager()], "transport_socket": _mutual_tls(secrets)}],
    }


def _connection_manager() -> Config:
    scrape = {
        # The header has the query, too, whose parameters the interface would interpret: none matches.
        "match": {"path": PATH, "headers": [_exactly(":method", "GET"), _exactly(":path", PATH)]},
        "route": {"cluster": NAME, "timeout": _SECONDS, "prefix_rewrite": "/stats/prometheus"},
    }
    return extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=NAME,
        route_config={"virtual_hosts": [{"name": NAME, "domains": ["*"], "routes": [scrape]}]},
        http_filters=[
            extension("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")
        ],
        request_headers_timeout=_SECONDS,
        stream_idle_timeout=_SECONDS,
        common_http_protocol_options={"idle_timeout": "300s"},
    )


def _exactly(header: str, value: str) -> Config:
    return {"name": header, "string_match": {"exact": value}}


def _mutual_tls(secrets: Path) -> Config:
    return extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        require_client_certificate=True,
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [reference(secrets, OWN)],
            "validation_context_sds_secret_config": reference(secrets, AUTHORITY),
        },
    )
