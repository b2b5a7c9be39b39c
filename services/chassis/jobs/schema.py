"""Procrastinate's tables, for the migrations of services that have jobs.

The SQL is Procrastinate's own, of the installed version, with one change: a job that is enqueued for later
wakes no worker. NOTIFY makes commits queue up behind one another, and the worker that it wakes would find
nothing to do; jobs that have become due are found by polling.
"""

from alembic import context, op
from procrastinate.schema import SchemaManager
from sqlalchemy import text

_INSERT_TRIGGER = "procrastinate_jobs_notify_queue_job_inserted_v1"
_NOTIFY = "procrastinate_notify_queue_job_inserted_v1"
_TABLES = ("periodic_defers", "events", "jobs", "workers")
_TYPES = ("job_to_defer_v1", "job_status", "job_event_type")


def create() -> None:
    """Makes tables, types, functions and triggers, within a migration's upgrade()."""
    schema = SchemaManager.get_schema()
    if context.is_offline_mode():
        op.execute(text(schema.replace(":", r"\:")))
    else:
        # Straight to the driver, without parameters: it is many statements, and has percent signs in it.
        op.get_bind().exec_driver_sql(schema, execution_options={"no_parameters": True})
    op.execute(f"DROP TRIGGER {_INSERT_TRIGGER} ON procrastinate_jobs")
    op.execute(
        f"CREATE TRIGGER {_INSERT_TRIGGER} AFTER INSERT ON procrastinate_jobs FOR EACH ROW "
        f"WHEN (new.status = 'todo' AND new.scheduled_at IS NULL) EXECUTE FUNCTION {_NOTIFY}()"
    )


def drop() -> None:
    """Removes what create() made, and the jobs with it, within a migration's downgrade()."""
    for table in _TABLES:
        op.execute(f"DROP TABLE procrastinate_{table} CASCADE")
    op.execute(
        "DO $$ DECLARE made regprocedure; BEGIN FOR made IN SELECT oid FROM pg_proc "
        "WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = current_schema()::regnamespace "
        "LOOP EXECUTE 'DROP FUNCTION ' || made; END LOOP; END $$"
    )
    for name in _TYPES:
        op.execute(f"DROP TYPE procrastinate_{name}")
