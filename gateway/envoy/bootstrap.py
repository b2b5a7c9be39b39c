"""Envoy's bootstrap configuration, assembled from the parts that the other files build."""

import stat
from collections.abc import Mapping
from pathlib import Path

from gateway.contract import Contract
from gateway.envoy.broken_streams import nowhere_cluster
from gateway.envoy.clusters import operations_cluster, service_cluster
from gateway.envoy.extensions import Config
from gateway.envoy.filters import http_filters
from gateway.envoy.health import health_route
from gateway.envoy.listener import connection_limit, listener
from gateway.envoy.routes import route_configuration
from gateway.envoy.statistics import (
    CONNECTION_LIMIT,
    MOST_CONNECTIONS,
    statistics_cluster,
    statistics_listener,
)
from gateway.envoy.tracing import collector_clusters
from gateway.settings import Settings

# Envoy's default of 100 protects against patterns from untrusted sources; these are the gateway's own.
_RUNTIME = {"re2.max_program_size.error_level": 10_000, CONNECTION_LIMIT: MOST_CONNECTIONS}
# Envoy's default wakes each thread ten times a second to show that it is not stuck.
_WATCHDOG = {"miss_timeout": "2s", "megamiss_timeout": "10s"}


def bootstrap(
    contract: Contract, settings: Settings, descriptor_set: Path, pages: Mapping[str, Config]
) -> Config:
    """Builds the configuration that Envoy starts with.

    `descriptor_set` is the file that Envoy reads; `pages` holds further routes by path, beside GET /health.
    Raises LookupError when a service of the contract has no addresses in the settings.
    """
    gateway = settings.gateway
    routes = route_configuration(contract.rpcs, {"/health": health_route(gateway), **pages}, gateway)
    filters = http_filters(contract, str(descriptor_set), gateway)
    upstreams = {service: settings.upstreams[service] for service in contract.services}
    # The secret files are written beside it.
    secrets = descriptor_set.parent
    clusters = [
        make(service, endpoints, secrets)
        for make in (service_cluster, operations_cluster)
        for service, endpoints in upstreams.items()
    ]
    clusters += [nowhere_cluster(), *collector_clusters(gateway)]
    configuration: Config = {
        "node": {"id": "gateway", "cluster": "fastmp"},
        "static_resources": {
            "listeners": [listener(routes, filters, gateway, secrets)],
            "clusters": clusters,
        },
        "overload_manager": connection_limit(gateway),
        # Only the administration interface reads statistics, so they are not gathered from all threads every 5 s.
        "stats_flush_on_admin": True,
        "watchdogs": {"main_thread_watchdog": _WATCHDOG, "worker_watchdog": _WATCHDOG},
        "layered_runtime": {"layers": [{"name": "gateway", "static_layer": _RUNTIME}]},
    }
    if gateway.envoy_admin_socket is not None:
        configuration["admin"] = _admin(gateway.envoy_admin_socket)
        if gateway.gateway_metrics_port is not None:
            port = gateway.gateway_metrics_port
            static = configuration["static_resources"]
            static["listeners"].append(statistics_listener(gateway, port, secrets))
            static["clusters"].append(statistics_cluster(gateway.envoy_admin_socket))
    return configuration


def _admin(socket: Path) -> Config:
    # Its requests need no password, change a running Envoy and can put tokens into its log. A loopback port would
    # answer every local process and, by a web page's requests, every site; a socket answers its owner alone.
    pipe = {"path": str(socket), "mode": stat.S_IRUSR | stat.S_IWUSR}
    return {"address": {"pipe": pipe}, "ignore_global_conn_limit": True}
