"""What a running stack has stored, looked at while nothing is being done in the background."""

import hashlib

import psycopg

from deploy.local.stack import LocalStack
from tests.support.waiting import wait_until

SERVICES = ("identity", "activation", "wechat_cookie")
FOLLOWERS = ("activation", "wechat_cookie")
# What a refused call may leave behind (that it was made), and what follows other calls in its own time.
NOT_COMPARED = {
    "sign_in_attempts",
    "activation_attempts",
    "audit_log",
    "audit_head",
    "alembic_version",
    "logins",
    "login_events",
    "feed_cursor",
}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^procrastinate_'"
# Most jobs wait for the case that the call itself failed: those that are not due change nothing.
UNFINISHED_JOBS = """
    SELECT count(*) FROM procrastinate_jobs
    WHERE status = 'doing' OR (status = 'todo' AND coalesce(scheduled_at, now()) <= now())
"""
SETTLE_SECONDS = 30


def state_at_rest(stack: LocalStack) -> dict[str, str]:
    """A digest of each compared table, once everything has followed from the calls before."""
    wait_until(lambda: _is_at_rest(stack), "the deletions and jobs of earlier calls are done", SETTLE_SECONDS)
    state = {}
    for service in SERVICES:
        with psycopg.connect(stack.database_url(service)) as connection:
            for (table,) in connection.execute(TABLES).fetchall():
                if table not in NOT_COMPARED:
                    rows = connection.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1').fetchall()
                    state[f"{service}.{table}"] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return state


def _is_at_rest(stack: LocalStack) -> bool:
    with psycopg.connect(stack.database_url("identity")) as connection:
        head = connection.execute("SELECT sequence FROM account_feed").fetchall()
    for service in FOLLOWERS:
        with psycopg.connect(stack.database_url(service)) as connection:
            if connection.execute("SELECT sequence FROM feed_cursor").fetchall() != head:
                return False
    # Activation alone has jobs.
    with psycopg.connect(stack.database_url("activation")) as connection:
        return connection.execute(UNFINISHED_JOBS).fetchall() == [(0,)]
