"""Prometheus metrics of a replica's position in the feed of account changes."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge


def feed_metrics(
    lag_seconds: Callable[[], float], sequence: Callable[[], float], registry: CollectorRegistry
) -> None:
    """Registers the metrics. The functions are called at each scrape and must return immediately."""
    Gauge(
        "account_feed_lag_seconds",
        "Time since this replica last knew that it had every change of an account.",
        registry=registry,
    ).set_function(lag_seconds)
    Gauge(
        "account_feed_sequence", "Sequence of the last change that this replica has.", registry=registry
    ).set_function(sequence)
