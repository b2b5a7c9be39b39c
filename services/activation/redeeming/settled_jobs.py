"""Takes jobs back whose work the call itself has done, many at a time: one by one costs as much as the call."""

import threading

import structlog

from services.chassis.errors import DomainError
from services.chassis.jobs.queue import Jobs
from services.chassis.postgres.database import Database

_log = structlog.get_logger(__name__)

# Well below the delay of the jobs, so that none of them starts.
FLUSH_SECONDS = 0.5


class SettledJobs:
    """Collects the ids of settled jobs and withdraws them from a thread. Thread-safe.

    It remembers only in memory: a job that it forgets runs, and finds that there is nothing left to do.
    """

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._database = database
        self._jobs = jobs
        self._lock = threading.Lock()
        self._ids: list[int] = []
        self._some = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settled-jobs", daemon=True)

    def add(self, job_id: int) -> None:
        """What the job was to do is done."""
        with self._lock:
            self._ids.append(job_id)
        self._some.set()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Withdraws what is left, and ends the thread."""
        self._stopping.set()
        self._some.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._some.wait()
            self._stopping.wait(FLUSH_SECONDS)
            self._some.clear()
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            ids, self._ids = self._ids, []
        if not ids:
            return
        try:
            with self._database.reading() as connection:
                self._jobs.withdraw(connection, ids)
        except DomainError as error:
            _log.warning("settled_jobs_left", count=len(ids), reason=error.reason)
