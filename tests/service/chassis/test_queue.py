"""Jobs on real PostgreSQL: they exist exactly if what they belong to does, and run until they succeed."""

import threading
from collections.abc import Iterator

import procrastinate
import psycopg
import pytest
import structlog
from sqlalchemy import func, literal, select, text

from services.chassis.jobs.metrics import MOST_COUNTED, QueueSample, unfinished_jobs
from services.chassis.jobs.queue import Jobs, UntilItSucceeds
from services.chassis.postgres.connecting import driver_url
from services.chassis.postgres.database import Database
from tests.support.postgres import FreshDatabase
from tests.support.waiting import wait_until


class Recorder:
    """A task that records its arguments and fails a configured number of times."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failures = 0
        self.blueprint = procrastinate.Blueprint()
        self.blueprint.task(name="record", retry=UntilItSucceeds())(self.record)

    def record(self, word: str) -> None:
        self.calls.append(word)
        if len(self.calls) <= self.failures:
            raise ConnectionError("not yet")


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    # Any service that has jobs does.
    return fresh_database("activation")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.dispose()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def jobs(url: str, recorder: Recorder) -> Jobs:
    """Not started: the test decides when the worker begins."""
    return Jobs(url, recorder.blueprint)


@pytest.fixture
def worker(jobs: Jobs) -> Iterator[None]:
    jobs.start()
    yield
    jobs.stop()


def test_a_job_of_a_committed_transaction_runs_and_is_gone(
    database: Database, jobs: Jobs, recorder: Recorder, worker: None
) -> None:
    with database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:record", word="committed")

    wait_until(lambda: recorder.calls == ["committed"])
    wait_until(lambda: _waiting(database) == 0)


def test_a_job_of_a_transaction_that_was_rolled_back_does_not_exist(database: Database, jobs: Jobs) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:record", word="lost")
        raise ZeroDivisionError

    assert _waiting(database) == 0


def test_unfinished_jobs_are_counted_by_state_with_the_age_of_the_oldest(
    database: Database, jobs: Jobs
) -> None:
    with database.transaction() as connection:
        assert unfinished_jobs(connection) == QueueSample({"todo": 0, "doing": 0, "failed": 0}, 0.0)
        ids = [jobs.enqueue(connection, "fastmp:record", word=str(number)) for number in range(4)]
        event = "UPDATE procrastinate_events SET at = now() - interval '1 hour' * :hours WHERE job_id = :job"
        state = (
            "UPDATE procrastinate_jobs SET status = CAST(:state AS procrastinate_job_status) WHERE id = :job"
        )
        connection.execute(text(event), [{"hours": 3, "job": ids[0]}, {"hours": 5, "job": ids[1]}])
        connection.execute(
            text(state), [{"state": "doing", "job": ids[1]}, {"state": "failed", "job": ids[2]}]
        )
    with database.reading() as connection:
        found = unfinished_jobs(connection)
        assert found.by_state == {"todo": 2, "doing": 1, "failed": 1}
        # The first in the queue, whose age does not start again with an attempt.
        assert 3 * 3600 <= found.oldest_seconds < 4 * 3600


def test_a_queue_is_sampled_by_a_bounded_scan_of_the_primary_key(database: Database, jobs: Jobs) -> None:
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status)"
                " SELECT 'default', 'fastmp:record', 'todo' FROM generate_series(1, :many)"
            ),
            {"many": 3 * MOST_COUNTED},
        )
        connection.execute(text("ANALYZE procrastinate_jobs"))
        found = unfinished_jobs(connection)
        assert found.by_state == {"todo": MOST_COUNTED, "doing": 0, "failed": 0}
        plan = connection.execute(
            text("EXPLAIN SELECT id, status FROM procrastinate_jobs ORDER BY id LIMIT 10000")
        )
        assert "Index Scan using procrastinate_jobs_pkey" in "\n".join(plan.scalars())


def test_a_failing_job_is_repeated_until_it_succeeds(
    database: Database, jobs: Jobs, recorder: Recorder, worker: None
) -> None:
    recorder.failures = 1
    with database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:record", word="again")

    wait_until(lambda: recorder.calls == ["again", "again"])
    wait_until(lambda: _waiting(database) == 0)


def test_a_statement_can_enqueue_what_follows_from_it(
    database: Database, jobs: Jobs, recorder: Recorder, worker: None
) -> None:
    arguments = func.jsonb_build_object(literal("word"), literal("inside"))
    with database.reading() as connection:
        connection.execute(select(jobs.enqueuing("fastmp:record", arguments)))

    wait_until(lambda: recorder.calls == ["inside"])


def test_a_withdrawn_job_never_runs(database: Database, jobs: Jobs) -> None:
    with database.transaction() as connection:
        kept = jobs.enqueue(connection, "fastmp:record", delay_seconds=60, word="kept")
        done = jobs.enqueue(connection, "fastmp:record", delay_seconds=60, word="x")
    jobs.withdraw(database, done)
    jobs.withdraw(database, done)
    with database.reading() as connection:
        ids = connection.execute(text("SELECT id FROM procrastinate_jobs")).scalars().all()

    assert ids == [kept]


def test_a_job_for_later_wakes_no_worker(database: Database, jobs: Jobs, url: str) -> None:
    with psycopg.connect(driver_url(url), autocommit=True) as listening:
        listening.execute("LISTEN procrastinate_any_queue_v1")
        with database.transaction() as connection:
            jobs.enqueue(connection, "fastmp:record", delay_seconds=60, word="later")
        with database.transaction() as connection:
            now = jobs.enqueue(connection, "fastmp:record", word="now")

        heard = [notice.payload for notice in listening.notifies(timeout=5, stop_after=1)]

    assert len(heard) == 1
    assert f'"job_id" : {now}' in heard[0]


def test_the_worker_comes_back_after_its_connections_were_cut(
    database: Database, jobs: Jobs, recorder: Recorder, worker: None
) -> None:
    with database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:record", word="before")
    wait_until(lambda: recorder.calls == ["before"])
    with database.reading() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    with database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:record", word="after")

    wait_until(lambda: recorder.calls[-1] == "after", seconds=30)


def test_a_worker_that_had_to_begin_anew_still_knows_its_tasks(
    database: Database, jobs: Jobs, recorder: Recorder, worker: None
) -> None:
    with database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:record", word="before")
    wait_until(lambda: recorder.calls == ["before"])
    with structlog.testing.capture_logs() as log:
        _rename(database, "procrastinate_jobs", "mislaid")
        wait_until(lambda: "background_loop_failed" in [line["event"] for line in log], seconds=30)
        _rename(database, "mislaid", "procrastinate_jobs")

    with database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:record", word="after")

    wait_until(lambda: recorder.calls[-1] == "after", seconds=30)
    wait_until(lambda: _waiting(database) == 0)


def test_a_job_that_an_older_replica_does_not_know_waits_for_a_newer_one(
    database: Database, url: str, jobs: Jobs, recorder: Recorder
) -> None:
    older = Jobs(url, procrastinate.Blueprint())
    older.start()
    with database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:record", word="new")
    wait_until(lambda: _attempts(database) > 0)
    older.stop()

    jobs.start()

    wait_until(lambda: recorder.calls == ["new"], seconds=30)
    wait_until(lambda: _waiting(database) == 0)
    jobs.stop()


def test_a_task_that_nobody_does_is_a_fault(database: Database, jobs: Jobs) -> None:
    with pytest.raises(LookupError), database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:unknown")


def test_stopping_leaves_no_thread(jobs: Jobs, database: Database, recorder: Recorder) -> None:
    jobs.start()
    with database.transaction() as connection:
        jobs.enqueue(connection, "fastmp:record", word="once")
    wait_until(lambda: recorder.calls == ["once"])

    jobs.stop()

    assert "jobs" not in {thread.name for thread in threading.enumerate()}


def _rename(database: Database, name: str, other: str) -> None:
    with database.transaction() as connection:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO {other}"))


def _attempts(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT sum(attempts) FROM procrastinate_jobs")).scalar_one())


def _waiting(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one())
