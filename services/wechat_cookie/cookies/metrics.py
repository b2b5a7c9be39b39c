"""Prometheus metrics of cookies: how many there are by health, and how many expire within some hours."""

import datetime
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database
from services.chassis.sampled_metrics import sampling
from services.wechat_cookie.cookies.overview import overview

HOURS = (1, 2, 4, 8, 12, 24, 48, 96)


def cookie_metrics(
    database: Database, now: Callable[[], datetime.datetime], registry: CollectorRegistry
) -> BackgroundLoop:
    """Returns the loop that samples the counts which the overview shows.

    They are maintained by triggers, so a sample reads some hundred rows however many cookies there are, and the
    index entries of those that are cooling down. All replicas report the same rows, so take the maximum over them.
    """
    by_health = Gauge("wechat_cookies", "Cookies by health.", ("health",), registry=registry)
    expiring = Gauge(
        "wechat_cookies_expiring",
        "Cookies that expire within so many hours; the running hour counts as one.",
        ("hours",),
        registry=registry,
    )

    def sample() -> None:
        with database.snapshot() as connection:
            counts = overview(connection, now())
        by_health.labels("ok").set(counts.ok)
        by_health.labels("cooling_down").set(counts.cooling_down)
        by_health.labels("dead").set(counts.dead)
        for hours in HOURS:
            number = sum(count for left, count in counts.hours_left if left < hours)
            expiring.labels(str(hours)).set(number)

    return sampling("cookies", sample, (by_health, expiring))
