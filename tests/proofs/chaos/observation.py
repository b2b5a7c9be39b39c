"""What is there: the rows of all three databases and the exported folders, read at one moment of rest."""

import contextlib
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import namedtuple_row

from deploy.local.stack import LocalStack

Databases = Mapping[str, "psycopg.Connection[Any]"]
SERVICES = ("identity", "activation", "wechat_cookie")
# What the services' connections are called; ours and the superuser's are not looked at.
OURS = "chaos-checker"

_QUERIES: Mapping[str, tuple[str, LiteralString]] = {
    "accounts": (
        "identity",
        "SELECT id::text, email, role, activation_status, activation_code, expired_time FROM accounts",
    ),
    "activations": (
        "identity",
        """SELECT activation_code, account_id::text, expired_time, applied_at, redeemed_at, cleared_at
        FROM account_activations""",
    ),
    "late_applications": (
        "identity",
        """SELECT target FROM audit_log
        WHERE action = 'activation_applied' AND details ->> 'superseded' = 'yes'""",
    ),
    "changes": ("identity", "SELECT sequence, account_id::text, kind FROM account_changes ORDER BY sequence"),
    "feed": ("identity", "SELECT sequence, pruned_up_to FROM account_feed"),
    "codes": (
        "activation",
        """SELECT id::text, activation_code, account_id::text, activation_status, expiry_date, activation_time
        FROM activation_codes""",
    ),
    "claims": (
        "activation",
        """SELECT target AS code_id,
            (count(*) FILTER (WHERE action = 'code_activated')
                - count(*) FILTER (WHERE action = 'code_released'))::int AS held
        FROM audit_log WHERE action IN ('code_activated', 'code_released') GROUP BY target""",
    ),
    "code_count": ("activation", "SELECT coalesce(sum(delta), 0)::int AS total FROM code_count_deltas"),
    "jobs": (
        "activation",
        "SELECT id, task_name, status::text FROM procrastinate_jobs WHERE status <> 'succeeded'",
    ),
    "activation_cursor": ("activation", "SELECT sequence FROM feed_cursor"),
    "wechat_cookie_cursor": ("wechat_cookie", "SELECT sequence FROM feed_cursor"),
    "cookies": ("wechat_cookie", "SELECT token, owner_id::text, is_current FROM cookies"),
    "logins": (
        "wechat_cookie",
        "SELECT id, owner_id::text, stage, reason, last_sequence, ended_at FROM logins",
    ),
    "events": (
        "wechat_cookie",
        "SELECT login_id, sequence, kind FROM login_events ORDER BY login_id, sequence",
    ),
    "acquisitions": ("wechat_cookie", "SELECT id::text, token, owner_id::text FROM acquisitions"),
}
_SESSIONS: LiteralString = """
    SELECT application_name, state, extract(epoch FROM now() - xact_start)::float AS seconds
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND datname = current_database()
        AND pid <> pg_backend_pid() AND application_name <> 'chaos-checker'
        AND xact_start < now() - interval '2 seconds'
"""


@dataclass(frozen=True)
class Folder:
    """An exported folder: its mode, its files with theirs."""

    mode: int
    files: Mapping[str, int]


@dataclass(frozen=True)
class Observation:
    """Rows by what they are (the names of `_QUERIES`), long transactions, and folders by the cookie's token."""

    rows: Mapping[str, list[Any]]
    long_transactions: list[Any]
    folders: Mapping[str, Folder]

    def by(self, what: str, key: str) -> dict[Any, Any]:
        """The rows of one kind by one of their columns."""
        return {getattr(row, key): row for row in self.rows[what]}


@contextlib.contextmanager
def open_databases(stack: LocalStack) -> Iterator[Databases]:
    """A connection to each database with a transaction in which changes stay unseen; nothing of it is kept."""
    with contextlib.ExitStack() as held:
        databases = {
            service: held.enter_context(
                contextlib.closing(
                    psycopg.connect(
                        stack.database_url(service), application_name=OURS, row_factory=namedtuple_row
                    )
                )
            )
            for service in SERVICES
        }
        yield databases


def observe(databases: Databases, static_directory: Path) -> Observation:
    """Reads everything, inside the connections' own transactions."""
    rows = {what: databases[service].execute(query).fetchall() for what, (service, query) in _QUERIES.items()}
    sessions = [row for database in databases.values() for row in database.execute(_SESSIONS).fetchall()]
    return Observation(rows, sessions, _folders(static_directory / "cookies"))


def _folders(root: Path) -> dict[str, Folder]:
    if not root.is_dir():
        return {}
    return {
        folder.name: Folder(
            stat.S_IMODE(folder.stat().st_mode),
            {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()},
        )
        for folder in root.iterdir()
        # Folders being written have other names, and go within ten minutes if their writer died.
        if folder.name.isdecimal()
    }
