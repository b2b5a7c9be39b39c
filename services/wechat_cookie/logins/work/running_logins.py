"""Prometheus metric of the running logins by stage."""

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import func, select

from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database
from services.chassis.sampled_metrics import sampling
from services.wechat_cookie.logins.rules.stages import Stage
from services.wechat_cookie.logins.store.tables import logins

_BY_STAGE = select(logins.c.stage, func.count()).where(logins.c.ended_at.is_(None)).group_by(logins.c.stage)
_RUNNING = tuple(stage for stage in Stage if stage not in {Stage.SUCCEEDED, Stage.FAILED})


def running_logins(database: Database, registry: CollectorRegistry) -> BackgroundLoop:
    """Returns the loop that samples the metric.

    A sample reads the running logins by the index that has only those, so ended ones cost nothing. All replicas
    report the same rows, so take the maximum over them.
    """
    running = Gauge("wechat_logins_running", "Running logins by stage.", ("stage",), registry=registry)

    def sample() -> None:
        with database.reading() as connection:
            found = {row[0]: row[1] for row in connection.execute(_BY_STAGE)}
        for stage in _RUNNING:
            running.labels(stage.value).set(found.get(stage.value, 0))

    return sampling("logins", sample, (running,))
