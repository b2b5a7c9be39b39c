"""Creation of Procrastinate's tables, for the migrations of services that have jobs.

The SQL is that of the installed version of Procrastinate, with one change: enqueueing a job with a delay notifies
no worker, which would find nothing to do. NOTIFY serializes commits, and jobs that become due are found by polling.
"""

from alembic import context, op
from procrastinate.schema import SchemaManager
from sqlalchemy import text

_INSERT_TRIGGER = "procrastinate_jobs_notify_queue_job_inserted_v1"
_NOTIFY = "procrastinate_notify_queue_job_inserted_v1"
_TABLES = ("periodic_defers", "events", "jobs", "workers")
_TYPES = ("job_to_defer_v1", "job_status", "job_event_type")


def create() -> None:
    """Creates tables, types, functions and triggers. For a migration's upgrade()."""
    schema = SchemaManager.get_schema()
    if context.is_offline_mode():
        op.execute(text(schema.replace(":", r"\:")))
    else:
        # By the driver and without parameters, because it has many statements and percent signs.
        op.get_bind().exec_driver_sql(schema, execution_options={"no_parameters": True})
    op.execute(f"DROP TRIGGER {_INSERT_TRIGGER} ON procrastinate_jobs")
    op.execute(
        f"CREATE TRIGGER {_INSERT_TRIGGER} AFTER INSERT ON procrastinate_jobs FOR EACH ROW "
        f"WHEN (new.status = 'todo' AND new.scheduled_at IS NULL) EXECUTE FUNCTION {_NOTIFY}()"
    )


def drop() -> None:
    """Drops what create() has created, with the jobs. For a migration's downgrade()."""
    for table in _TABLES:
        op.execute(f"DROP TABLE procrastinate_{table} CASCADE")
    op.execute(
        "DO $$ DECLARE made regprocedure; BEGIN FOR made IN SELECT oid FROM pg_proc "
        "WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = current_schema()::regnamespace "
        "LOOP EXECUTE 'DROP FUNCTION ' || made; END LOOP; END $$"
    )
    for name in _TYPES:
        op.execute(f"DROP TYPE procrastinate_{name}")
