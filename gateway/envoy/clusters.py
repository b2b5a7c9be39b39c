"""Upstream clusters: each service's replicas over mutual TLS, with gRPC health checks."""

from collections.abc import Iterable
from pathlib import Path

from gateway.envoy.certificates import AUTHORITY, OWN, reference
from gateway.envoy.extensions import Config, extension, typed
from gateway.settings import Address, Endpoint
from services.chassis.mutual_tls import TRUST_DOMAIN

# A draining service reports NOT_SERVING for longer than this before it stops.
HEALTH_CHECK_SECONDS = 1
# Long enough for a busy machine to answer; NOT_SERVING takes effect when it arrives.
HEALTH_CHECK_TIMEOUT_SECONDS = 3
# In grpcio, the streams of one connection share its flow control and one core of the caller.
STREAMS_PER_CONNECTION = 100


def service_cluster(service: str, endpoints: Iterable[Endpoint], secrets: Path) -> Config:
    """Returns the cluster `service`, which calls are sent to; its health is checked on the operations ports.

    `secrets` is the folder of the certificates' secret files.
    """
    hosts = [
        _host(endpoint.address, {"health_check_config": {"port_value": endpoint.operations_port}})
        for endpoint in endpoints
    ]
    addresses = [endpoint.address for endpoint in endpoints]
    return _cluster(service, service, addresses, hosts, secrets) | _watched(service)


def operations_cluster(service: str, endpoints: Iterable[Endpoint], secrets: Path) -> Config:
    """Returns the cluster of the operations ports, which GET /health asks: they answer when the service is full."""
    addresses = [Address(endpoint.address.host, endpoint.operations_port) for endpoint in endpoints]
    hosts = [_host(address, {}) for address in addresses]
    cluster = _cluster(operations_cluster_name(service), service, addresses, hosts, secrets)
    # A single replica with a static address is not health-checked: GET /health asks it directly.
    return cluster if len(addresses) == 1 and addresses[0].is_ip else cluster | _watched(service)


def operations_cluster_name(service: str) -> str:
    """Returns the name of the cluster that `operations_cluster` builds."""
    return f"{service}_operations"


def _cluster(name: str, service: str, addresses: list[Address], hosts: list[Config], secrets: Path) -> Config:
    is_static = all(address.is_ip for address in addresses)
    return {
        "name": name,
        # A headless Kubernetes service has a record for each replica: STRICT_DNS balances over all of them.
        "type": "STATIC" if is_static else "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "dns_refresh_rate": "2s",
        "connect_timeout": "2s",
        # Open streams count as load, so new calls go to the replica with the fewest.
        "lb_policy": "LEAST_REQUEST",
        "common_lb_config": {
            # With the default, calls would be sent to unhealthy replicas once half of them are unhealthy.
            "healthy_panic_threshold": {"value": 0},
            "ignore_new_hosts_until_first_hc": True,
        },
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": hosts}]},
        "circuit_breakers": {"thresholds": [_thresholds()]},
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": 30, "keepalive_interval": 10, "keepalive_probes": 3}
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http_options()
        },
        "transport_socket": _transport_socket(service, secrets),
    }


def _host(address: Address, more: Config) -> Config:
    socket = {"address": address.host, "port_value": address.port}
    return {"endpoint": {"address": {"socket_address": socket}, **more}}


def _watched(service: str) -> Config:
    """Returns the health checks and outlier detection, which keep calls away from replicas that do not answer."""
    return {"health_checks": [_health_check(service)], "outlier_detection": _outlier_detection()}


def _health_check(service: str) -> Config:
    interval = f"{HEALTH_CHECK_SECONDS}s"
    return {
        "grpc_health_check": {"authority": service},
        "interval": interval,
        # With Envoy's default, the state of a cluster without traffic could be a minute old.
        "no_traffic_interval": interval,
        "no_traffic_healthy_interval": interval,
        "timeout": f"{HEALTH_CHECK_TIMEOUT_SECONDS}s",
        # For missing answers and broken connections only: a single NOT_SERVING marks a replica unhealthy.
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
    }


def _outlier_detection() -> Config:
    # Only failures to connect count. UNAVAILABLE from a service is about its database, which all replicas
    # share: ejecting a replica for it would not help.
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "max_ejection_percent": 50,
        "interval": "1s",
        "base_ejection_time": "5s",
    }


def _thresholds() -> Config:
    return {
        "max_connections": 4096,
        "max_pending_requests": 20_000,
        "max_requests": 20_000,
        # With Envoy's default of 3 concurrent retries, calls would fail when a replica stops; the budget still
        # prevents retry storms.
        "retry_budget": {"budget_percent": {"value": 25}, "min_retry_concurrency": 100},
    }


def _http_options() -> Config:
    http2 = {
        "max_concurrent_streams": STREAMS_PER_CONNECTION,
        "initial_stream_window_size": 1 << 20,
        "initial_connection_window_size": 4 << 20,
        "connection_keepalive": {"interval": "30s", "timeout": "10s"},
    }
    return typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http2_protocol_options": http2},
    )


def _transport_socket(service: str, secrets: Path) -> Config:
    exact_name = {"san_type": "URI", "matcher": {"exact": TRUST_DOMAIN + service}}
    return extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni=service,
        common_tls_context={
            "tls_params": {
                "tls_minimum_protocol_version": "TLSv1_2",
                "tls_maximum_protocol_version": "TLSv1_3",
            },
            "alpn_protocols": ["h2"],
            "tls_certificate_sds_secret_configs": [reference(secrets, OWN)],
            "combined_validation_context": {
                "default_validation_context": {"match_typed_subject_alt_names": [exact_name]},
                "validation_context_sds_secret_config": reference(secrets, AUTHORITY),
            },
        },
    )
