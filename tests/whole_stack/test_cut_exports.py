"""An export whose database connection ends half-way is seen to be cut short by its client."""

import http.client
import uuid
from urllib.parse import urlsplit

import psycopg
import pytest

from deploy.local.stack import LocalStack
from tests.whole_stack.people import People

ROWS = 200_000
STATUS = "revoked"


@pytest.mark.long
def test_an_export_that_is_cut_short_ends_without_its_last_chunk(stack: LocalStack, people: People) -> None:
    made_by = uuid.uuid4().hex[:8]
    with psycopg.connect(stack.database_url("activation"), autocommit=True) as database:
        database.execute(
            "INSERT INTO activation_codes "
            "(id, activation_code, activation_status, valid_days, create_time, update_time) "
            "SELECT gen_random_uuid(), md5(%s || n::text), %s, 30, "
            "'2026-01-01T00:00:00.' || lpad(n::text, 6, '0') || 'Z', '2026-01-01T00:00:00.000000Z' "
            "FROM generate_series(1, %s) n",
            (made_by, STATUS, ROWS),
        )
        connection = http.client.HTTPConnection(urlsplit(stack.gateway_url).netloc, timeout=60)
        path = f"/activation/export?status={STATUS}"
        connection.request("GET", path, headers={"Authorization": f"Bearer {people.admin.token}"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert int(answer.headers["x-fastmp-rows"]) >= ROWS
        answer.read(1024)
        ended = database.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE query LIKE 'COPY (%%' AND state <> 'idle' AND datname = current_database()"
        ).fetchone()
        assert ended == (1,)
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        connection.close()
        database.execute("DELETE FROM activation_codes WHERE activation_status = %s", (STATUS,))
