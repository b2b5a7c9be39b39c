"""Background loop that refreshes gauges whose values need a query, so that a scrape costs none."""

from collections.abc import Callable, Sequence

from prometheus_client import Gauge

from services.chassis.background_loop import BackgroundLoop

SAMPLE_SECONDS = 10.0


def sampling(name: str, sample: Callable[[], None], gauges: Sequence[Gauge]) -> BackgroundLoop:
    """Returns the loop `metrics-NAME`, which calls `sample` every SAMPLE_SECONDS to set `gauges`.

    They have labels. While `sample` raises they have no values, rather than those of a time that is over.
    """

    def step() -> None:
        try:
            sample()
        except Exception:
            for gauge in gauges:
                gauge.clear()
            raise

    return BackgroundLoop(f"metrics-{name}", step, SAMPLE_SECONDS)
