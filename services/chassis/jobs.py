"""Work that must happen although a process may die: Procrastinate's jobs, in the service's own database.

A job is enqueued on the connection of an open transaction, so it exists exactly if what it belongs to does.
"""

import asyncio
import threading
from typing import Any

import procrastinate
import structlog
from procrastinate.jobs import DeleteJobCondition, Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import Connection

from services.chassis.database import driver_connection, driver_url

_log = structlog.get_logger(__name__)

# A worker that has not been heard of for so long is dead, and its jobs are taken over.
WORKER_TIMEOUT_SECONDS = 10.0
CONCURRENCY = 4


class UntilItSucceeds(BaseRetryStrategy):
    """Retries for ever, after 1 s, 2 s, 4 s … 60 s: the other side may be down for long."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:  # noqa: ARG002
        return RetryDecision(retry_in={"seconds": min(60, 2 ** min(job.attempts, 6))})


class Jobs:
    """The jobs of one service: `tasks` says what they do, enqueue() when, and a worker thread does them."""

    def __init__(self, database_url: str, tasks: procrastinate.Blueprint) -> None:
        self._url = driver_url(database_url)
        self._tasks = tasks
        # It only ever writes on connections that are handed to it, so it is never opened.
        self._enqueuing = self._app(procrastinate.SyncPsycopgConnector())
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._stopping = threading.Event()
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
    ) -> None:
        """Enqueues `task` in the open transaction of `connection`; it starts once that is committed.

        Jobs of the same `lock` run one after the other. `arguments` are JSON values and are stored: no
        secrets that the database does not hold anyway.
        """
        deferrer = self._enqueuing.configure_task(
            task,
            lock=lock,
            schedule_in={"seconds": delay_seconds} if delay_seconds else None,
            connection=driver_connection(connection),
        )
        deferrer.defer(**arguments)

    def start(self) -> None:
        """Starts the worker thread. It goes on through outages of the database."""
        self._thread.start()

    def stop(self) -> None:
        """Lets running jobs end, and the thread with them; another replica or a later start does the rest."""
        self._stopping.set()
        loop, worker = self._loop, self._worker
        if loop is not None and worker is not None:
            loop.call_soon_threadsafe(worker.cancel)
        self._thread.join(timeout=15)

    def _app(self, connector: procrastinate.BaseConnector) -> procrastinate.App:
        app = procrastinate.App(connector=connector)
        app.add_tasks_from(self._tasks, namespace="fastmp")
        return app

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._work())
            except asyncio.CancelledError:
                return
            except Exception as error:  # noqa: BLE001 - Whatever it was, the jobs must go on.
                _log.warning("jobs_interrupted", error=type(error).__name__)
                self._stopping.wait(1)

    async def _work(self) -> None:
        connector = procrastinate.PsycopgConnector(conninfo=self._url, min_size=1, max_size=CONCURRENCY + 2)
        app = self._app(connector)
        async with app.open_async():
            self._loop = asyncio.get_running_loop()
            self._worker = asyncio.create_task(self._run_worker(app))
            takeover = asyncio.create_task(_take_over_stalled(app))
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


async def _take_over_stalled(app: procrastinate.App) -> None:
    while True:
        await asyncio.sleep(WORKER_TIMEOUT_SECONDS / 2)
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=WORKER_TIMEOUT_SECONDS):
            _log.warning("job_taken_over", job=job.id, task=job.task_name)
            await app.job_manager.retry_job(job)
