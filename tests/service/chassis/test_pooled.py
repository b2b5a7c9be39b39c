"""A Database that is led to PgBouncer: what it asks of its sessions."""

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from deploy.local.postgres import PostgresServer
from services.chassis.postgres.database import SESSION, Database


@pytest.mark.direct
def test_a_pooler_that_sets_no_timeouts_is_warned_about(postgres_server: PostgresServer) -> None:
    database = Database(postgres_server.url("postgres"), pooled=True)
    with capture_logs() as logs, database.reading() as connection:
        assert connection.execute(text("SHOW TimeZone")).scalar_one() == "UTC"
    database.dispose()
    assert [line["event"] for line in logs] == ["pooler_sets_no_timeouts"]


def test_without_a_pooler_the_sessions_have_the_timeouts(postgres_server: PostgresServer) -> None:
    database = Database(postgres_server.url("postgres"))
    with database.reading() as connection:
        found = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in SESSION}
    database.dispose()
    assert found == {
        "TimeZone": "UTC",
        "statement_timeout": "10s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "15s",
    }
