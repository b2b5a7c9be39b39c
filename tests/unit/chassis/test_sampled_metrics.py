"""Gauges that a loop samples: they have no value of a time that is over."""

import threading

from prometheus_client import CollectorRegistry, Gauge

from services.chassis.sampled_metrics import sampling
from tests.support.waiting import wait_until


def test_a_gauge_has_no_value_while_it_cannot_be_sampled() -> None:
    registry, fails = CollectorRegistry(), threading.Event()
    gauge = Gauge("things", "Things.", ("kind",), registry=registry)

    def sample() -> None:
        if fails.is_set():
            raise ConnectionError
        gauge.labels("a").set(7)

    loop = sampling("things", sample, (gauge,))
    loop.start()
    wait_until(lambda: registry.get_sample_value("things", {"kind": "a"}) == 7)
    fails.set()
    loop.wake()
    wait_until(lambda: registry.get_sample_value("things", {"kind": "a"}) is None)
    fails.clear()
    loop.wake()
    wait_until(lambda: registry.get_sample_value("things", {"kind": "a"}) == 7)
    loop.stop()
