"""Prometheus metrics of queues: the number of jobs by state, and the age of the oldest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import Connection, text

from services.chassis.background_loop import BackgroundLoop
from services.chassis.postgres.database import Database
from services.chassis.sampled_metrics import sampling

# The number of jobs up to which they are counted; the cost of a sample ends there.
MOST_COUNTED = 10_000

# Jobs that have succeeded are deleted, so the oldest of the table, by the primary key, are unfinished. Failed ones
# are queued again within seconds. An event records when a job was enqueued.
_UNFINISHED = text(
    """
    WITH unfinished AS (SELECT id, status FROM procrastinate_jobs ORDER BY id LIMIT :most)
    SELECT
        count(*) FILTER (WHERE status = 'todo') AS todo,
        count(*) FILTER (WHERE status = 'doing') AS doing,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        (
            SELECT extract(epoch FROM now() - min(at)) FROM procrastinate_events
            WHERE job_id = (SELECT min(id) FROM unfinished)
        ) AS oldest_seconds
    FROM unfinished
    """
)


@dataclass(frozen=True)
class QueueSample:
    """The numbers of jobs by state, and the age of the oldest in seconds; 0 if there is none."""

    by_state: Mapping[str, int]
    oldest_seconds: float


def unfinished_jobs(connection: Connection) -> QueueSample:
    """Returns the jobs that wait (`todo`), run (`doing`) and have `failed`, up to MOST_COUNTED of the oldest."""
    row = connection.execute(_UNFINISHED, {"most": MOST_COUNTED}).one()
    by_state = {"todo": row.todo, "doing": row.doing, "failed": row.failed}
    return QueueSample(by_state, max(0.0, float(row.oldest_seconds or 0)))


def queue_metrics(
    queue: str,
    database: Database,
    read: Callable[[Connection], QueueSample],
    registry: CollectorRegistry,
) -> BackgroundLoop:
    """Returns the loop that samples the queue. All replicas report the same rows, so take the maximum over them."""
    jobs = Gauge("job_queue_jobs", "Unfinished jobs.", ("queue", "state"), registry=registry)
    oldest = Gauge(
        "job_queue_oldest_seconds", "Age of the oldest unfinished job.", ("queue",), registry=registry
    )

    def sample() -> None:
        with database.reading() as connection:
            found = read(connection)
        for state, number in found.by_state.items():
            jobs.labels(queue, state).set(number)
        oldest.labels(queue).set(found.oldest_seconds)

    return sampling(queue, sample, (jobs, oldest))
