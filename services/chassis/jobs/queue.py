"""A job queue in the service's own database, by Procrastinate.

A job is enqueued in an open transaction, so it exists if and only if that is committed.
"""

import asyncio
import contextlib
import datetime
from collections.abc import Callable
from typing import Any

import procrastinate
import structlog
from procrastinate.jobs import DeleteJobCondition, Job
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Enum,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal,
    null,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array
from sqlalchemy.types import UserDefinedType

from services.chassis.background_loop import BackgroundLoop
from services.chassis.errors import DomainError
from services.chassis.jobs.bounded_connection import BoundedAsyncConnection
from services.chassis.postgres.connecting import driver_url
from services.chassis.postgres.database import Database

_log = structlog.get_logger(__name__)

# A worker whose last heartbeat is older is dead, and its jobs are taken over.
WORKER_TIMEOUT_SECONDS = 10.0
CONCURRENCY = 4
RESTART_SECONDS = 1.0
MOST_RETRY_SECONDS = 5.0
# Longer than the ten seconds that a running job has to end.
STOP_SECONDS = 15.0
NAMESPACE = "fastmp"
_QUEUE = "default"


class _JobToDefer(UserDefinedType[Any]):
    """The row type that Procrastinate's SQL function for enqueueing takes."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "procrastinate_job_to_defer_v1"


_jobs = table(
    "procrastinate_jobs", column("id", BigInteger), column("status", Enum(name="procrastinate_job_status"))
)


_WITHDRAW = delete(_jobs).where(_jobs.c.id == bindparam("job_id"), _jobs.c.status == "todo")


class UntilItSucceeds(BaseRetryStrategy):
    """A retry strategy without a limit: after 1 s, 2 s, 4 s … 60 s, and then every 60 s."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        # Logged here, because Procrastinate's own line would contain the arguments.
        _log.warning(
            "job_failed",
            job=job.id,
            task=job.task_name,
            attempts=job.attempts,
            error=type(exception).__name__,
        )
        return RetryDecision(retry_in={"seconds": min(60, 2 ** min(job.attempts, 6))})


class Jobs:
    """The job queue of a service, and its worker thread. `tasks` holds the functions that jobs call."""

    def __init__(self, database_url: str, tasks: procrastinate.Blueprint) -> None:
        self._url = driver_url(database_url)
        # Created once, and not for each run of the worker, because adding tasks to an app renames them.
        self._app = procrastinate.App(connector=self._connector())
        self._names = frozenset(f"{NAMESPACE}:{name}" for name in tasks.tasks)
        self._app.add_tasks_from(tasks, namespace=NAMESPACE)
        self._background = BackgroundLoop(
            "jobs",
            self._work_until_stopped,
            RESTART_SECONDS,
            most_retry_seconds=MOST_RETRY_SECONDS,
            interrupt=self._cancel_worker,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: asyncio.Task[None] | None = None

    def enqueue(
        self,
        connection: Connection,
        task: str,
        *,
        lock: str | None = None,
        delay_seconds: int = 0,
        **arguments: Any,
    ) -> int:
        """Enqueues a job of `task` in the open transaction of `connection`, and returns its id.

        Jobs with the same `lock` run one after the other. `arguments` are JSON values, and are stored: they must
        not contain secrets that the database does not have anyway. Raises LookupError for an unknown task.
        """
        job = self.enqueuing(task, literal(arguments, JSONB), lock=lock, delay_seconds=delay_seconds)
        return connection.execute(select(job)).scalar_one()

    def enqueuing(
        self,
        task: str,
        arguments: ColumnElement[Any],
        *,
        lock: str | None = None,
        delay_seconds: int = 0,
    ) -> ColumnElement[int]:
        """Returns an SQL expression that enqueues a job of `task` when it is evaluated, and yields the job's id.

        For a statement that changes data and enqueues a job in one round trip. `arguments` is a JSONB object.
        Raises LookupError for an unknown task.
        """
        if task not in self._names:
            raise LookupError(f"no task is named {task}")
        due = func.now() + datetime.timedelta(seconds=delay_seconds) if delay_seconds else null()
        job = cast(func.row(_QUEUE, task, 0, lock, null(), arguments, due), _JobToDefer())
        return func.procrastinate_defer_jobs_v1(array([job]), type_=ARRAY(BigInteger))[1]

    def withdraw(self, database: Database, job_id: int) -> None:
        """Deletes a job that has not been started, because its work is done. Idempotent.

        Raises nothing if the database is unavailable: the job then runs, and finds nothing left to do.
        """
        try:
            with database.reading() as connection:
                connection.execute(_WITHDRAW, {"job_id": job_id})
        except DomainError as error:
            _log.warning("job_not_withdrawn", job=job_id, reason=error.reason)

    def start(self) -> None:
        """Starts the worker thread."""
        self._background.start()

    def stop(self) -> None:
        """Waits for running jobs and ends the thread. Other jobs stay in the queue."""
        self._background.stop(STOP_SECONDS)

    def _cancel_worker(self) -> None:
        loop, worker = self._loop, self._worker
        if loop is not None and worker is not None:
            # The event loop is closed if the worker has just failed.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(worker.cancel)

    def _work_until_stopped(self) -> None:
        # A cancelled worker was stopped by stop().
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._work())

    def _connector(self) -> procrastinate.PsycopgConnector:
        return procrastinate.PsycopgConnector(
            conninfo=self._url, connection_class=BoundedAsyncConnection, min_size=1, max_size=CONCURRENCY + 2
        )

    async def _work(self) -> None:
        with self._app.replace_connector(self._connector()) as app:
            async with app.open_async():
                self._loop = asyncio.get_running_loop()
                self._worker = asyncio.create_task(self._run_worker(app))
                if self._background.is_stopping:
                    # stop() was called before there was a worker.
                    self._worker.cancel()
                takeover = asyncio.create_task(_take_over(app, self._background.succeeded))
                try:
                    await self._worker
                finally:
                    takeover.cancel()

    async def _run_worker(self, app: procrastinate.App) -> None:
        await app.run_worker_async(
            concurrency=CONCURRENCY,
            install_signal_handlers=False,
            listen_notify=True,
            fetch_job_polling_interval=5.0,
            update_heartbeat_interval=WORKER_TIMEOUT_SECONDS / 3,
            stalled_worker_timeout=WORKER_TIMEOUT_SECONDS,
            shutdown_graceful_timeout=10,
            delete_jobs=DeleteJobCondition.SUCCESSFUL,
        )


async def _take_over(app: procrastinate.App, succeeded: Callable[[], None]) -> None:
    """Periodically retries jobs of dead workers and jobs that workers gave up; calls `succeeded` each time."""
    while True:
        await asyncio.sleep(WORKER_TIMEOUT_SECONDS / 2)
        try:
            await _take_over_once(app.job_manager)
            succeeded()
        except procrastinate.exceptions.ConnectorException as error:
            # The database is unavailable, or another replica has taken over the same job.
            _log.warning("takeover_interrupted", error=type(error).__name__)


async def _take_over_once(manager: JobManager) -> None:
    stalled = await manager.get_stalled_jobs(seconds_since_heartbeat=WORKER_TIMEOUT_SECONDS)
    # Tasks are retried until they succeed, so a job fails only if its worker does not know its task: while replicas
    # are replaced, an older one may take a job of a newer one.
    failed = await manager.list_jobs_async(status="failed")
    for job in (*stalled, *failed):
        _log.warning("job_taken_over", job=job.id, task=job.task_name)
        await manager.retry_job(job)
