"""Prometheus metrics of connection pools, read from the pools at each scrape, without a query."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.chassis.postgres.database import Database


class PoolMetrics(Collector):
    """Reports the size of each pool and the connections in use. `pools` by name, the value of the label `pool`."""

    def __init__(self, pools: Mapping[str, Database], registry: CollectorRegistry) -> None:
        self._pools = pools
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yields the metrics."""
        size = GaugeMetricFamily("database_pool_size", "Most connections of the pool.", labels=("pool",))
        in_use = GaugeMetricFamily("database_pool_in_use", "Connections that calls hold.", labels=("pool",))
        for name, database in self._pools.items():
            size.add_metric((name,), database.pool_size)
            in_use.add_metric((name,), database.connections_in_use)
        yield size
        yield in_use
