"""What runs all the time reads the logins that it is about, and not all that there are."""

import datetime
import uuid
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy import Connection

from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.wechat_cookie.logins.rules.state import LoginLimits
from services.wechat_cookie.logins.store.claiming import claim_acts, claim_polls, next_act, next_poll
from services.wechat_cookie.logins.store.retention import LoginRetention
from services.wechat_cookie.logins.store.rows import LoginRows
from tests.support.postgres import FreshDatabase

NOW = datetime.datetime(2026, 3, 1, 8, tzinfo=datetime.UTC)
ROWS = LoginRows(Vault([Fernet.generate_key().decode()]), uuid.uuid4)
RETENTION = LoginRetention(ROWS, LoginLimits(), lambda: NOW)
# One login in a hundred runs and is due later; the others ended just now.
MANY_LOGINS = """
INSERT INTO logins (id, version, owner_id, owner_email, stage, step, reason, started_at, next_poll_at, deadline_at,
    ended_at, last_seen_at, claim_seconds, attempt, in_flight, doubtful, operator, refresh_count, failure_told,
    last_sequence, message)
SELECT md5(number::text), 1, gen_random_uuid(), 'ann@example.com',
    CASE WHEN runs THEN 'waiting_for_scan' ELSE 'failed' END, CASE WHEN runs THEN 'ask' END,
    CASE WHEN NOT runs THEN 'CANCELLED' END, :now, CASE WHEN runs THEN :later END, CASE WHEN runs THEN :later END,
    CASE WHEN NOT runs THEN :now END, :now, 1.75, 0, false, false, false, 0, false, 3, ''
FROM (SELECT number, number % 100 = 0 AS runs FROM generate_series(1, 20000) AS number) AS numbers
"""
# psycopg prepares a statement that it has seen so often, and only prepared ones get a generic plan.
UNTIL_PREPARED = 7


@pytest.mark.parametrize(
    "run",
    [
        lambda connection: claim_polls(connection, NOW, 64, ["a", "b"]),
        lambda connection: claim_acts(connection, ROWS, NOW, 16),
        next_poll,
        next_act,
        RETENTION.end_overdue,
        RETENTION.end_abandoned,
        RETENTION.remove_old,
        lambda connection: RETENTION.mark_seen(connection, ["a", "b"]),
        lambda connection: RETENTION.end_logins_of(connection, uuid.uuid4()),
    ],
    ids=[
        "claim_polls",
        "claim_acts",
        "next_poll",
        "next_act",
        "overdue",
        "abandoned",
        "old",
        "seen",
        "owner",
    ],
)
def test_no_statement_reads_all_logins(
    fresh_database: FreshDatabase, run: Callable[[Connection], object]
) -> None:
    database = Database(fresh_database("wechat_cookie"), pool_size=2)
    with database.transaction() as connection:
        later = NOW + datetime.timedelta(minutes=5)
        connection.execute(sa.text(MANY_LOGINS), {"now": NOW, "later": later})
    with database.reading() as connection:
        connection.execute(sa.text("ANALYZE logins"))
    with database.transaction() as connection:
        connection.execute(sa.text("SET LOCAL plan_cache_mode = force_generic_plan"))
        for _ in range(UNTIL_PREPARED):
            run(connection)
        scans = "SELECT seq_scan, seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'logins'"
        assert tuple(connection.execute(sa.text(scans)).one()) == (0, 0)
    database.dispose()
