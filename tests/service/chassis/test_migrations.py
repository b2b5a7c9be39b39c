"""The migrations of every service: from each revision with its data, beside old code, and against held locks."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import exc
from structlog.testing import capture_logs

from services.chassis.postgres import migrations
from services.chassis.postgres.database import Database
from tests.service.chassis.old_rows import ACTIVATION, IDENTITY, NOTIFICATIONS, WECHAT_COOKIE, OldRows
from tests.support.postgres import FreshDatabase

SERVICES = {
    "identity": IDENTITY,
    "activation": ACTIVATION,
    "wechat_cookie": WECHAT_COOKIE,
    "notifications": NOTIFICATIONS,
}
# A lock is waited for 4 seconds; the rest is the machine's.
MIGRATION_SECONDS = 15.0
# What takes something away from code that is still running, or asks of it what it does not give.
NOT_ADDITIVE = re.compile(
    r"\b(DROP (TABLE|COLUMN|CONSTRAINT|INDEX|FUNCTION|TRIGGER|TYPE|DEFAULT)|RENAME"
    r"|ALTER COLUMN \S+ (SET NOT NULL|TYPE|SET DATA TYPE)|ADD COLUMN (?!.*DEFAULT)[^,;]* NOT NULL"
    r"|ADD CONSTRAINT|DELETE FROM (?!alembic_version)|UPDATE (?!alembic_version)\w+ SET)",
    re.IGNORECASE,
)


def revisions(service: str) -> list[str]:
    """From the oldest to the newest."""
    script = ScriptDirectory.from_config(migrations._config(SERVICES[service].package, None))
    return [one.revision for one in script.walk_revisions()][::-1]


STARTS = [(service, revision) for service in SERVICES for revision in revisions(service)]


@contextmanager
def connected(url: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def read(connection: "psycopg.Connection[Any]", query: LiteralString) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def write(connection: "psycopg.Connection[Any]", statements: LiteralString) -> None:
    connection.execute(statements)


def fill_up_to(connection: "psycopg.Connection[Any]", rows: OldRows, revision: str) -> None:
    for number, statements in rows.inserts.items():
        if number <= revision:
            write(connection, statements)


def assert_survived(connection: "psycopg.Connection[Any]", rows: OldRows) -> None:
    for query, expected in rows.survivors.items():
        assert read(connection, query) == [expected], query


@pytest.mark.parametrize(("service", "revision"), STARTS)
def test_data_of_every_revision_is_there_after_the_upgrade_and_usable(
    fresh_database: FreshDatabase, service: str, revision: str
) -> None:
    url, rows = fresh_database(service), SERVICES[service]
    migrations.downgrade(url, rows.package, "base")
    migrations.upgrade(url, rows.package, revision)
    with connected(url) as connection:
        fill_up_to(connection, rows, revision)
        migrations.upgrade(url, rows.package)
        assert_survived(connection, rows)
        # What the later revisions hold beside it fits to the old data.
        for number, statements in rows.inserts.items():
            if number > revision:
                write(connection, statements)


@pytest.mark.parametrize(("service", "revision"), STARTS)
def test_down_from_the_newest_and_up_again_keeps_the_data_of_what_stayed(
    fresh_database: FreshDatabase, service: str, revision: str
) -> None:
    url, rows = fresh_database(service), SERVICES[service]
    with connected(url) as connection:
        fill_up_to(connection, rows, revision)
        migrations.downgrade(url, rows.package, revision)
        assert read(connection, "SELECT version_num FROM alembic_version") == [(revision,)]
        assert_survived(connection, rows)
        migrations.upgrade(url, rows.package)
        assert_survived(connection, rows)


@pytest.mark.parametrize(("service", "revision"), STARTS)
def test_code_of_every_revision_can_write_to_the_newest_schema(
    fresh_database: FreshDatabase, service: str, revision: str
) -> None:
    """As in a rolling update, where the schema is already new and most replicas are still old."""
    url, rows = fresh_database(service), SERVICES[service]
    with connected(url) as connection:
        fill_up_to(connection, rows, revision)
        assert_survived(connection, rows)


# Rows of accounts that were deleted before, which no code reads.
OF_NO_ACCOUNT = "DELETE FROM account_activations AS known WHERE account_id IS NOT NULL"


@pytest.mark.parametrize("service", SERVICES)
def test_no_revision_after_the_first_takes_anything_from_older_code(service: str) -> None:
    statements = migrations.offline_sql(SERVICES[service].package)
    first, *later = re.split(r"-- Running upgrade ", statements)[1:]
    assert first.startswith(" -> 0001")
    assert len(later) == len(revisions(service)) - 1
    for migration in later:
        made = set(re.findall(r"CREATE TABLE (\w+)", migration))
        # What a revision makes itself, no older code knows; and what its functions do, they do to rows.
        for statement in re.sub(r"\$\$.*?\$\$", "", migration, flags=re.DOTALL).split(";"):
            touched = re.search(r"ALTER TABLE (\w+)", statement)
            if touched is None or touched[1] not in made:
                assert not NOT_ADDITIVE.search(statement.replace(OF_NO_ACCOUNT, "")), statement


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE accounts DROP COLUMN email",
        "ALTER TABLE accounts RENAME COLUMN email TO mail",
        "ALTER TABLE accounts ALTER COLUMN email TYPE varchar(9)",
        "ALTER TABLE accounts ALTER COLUMN email SET NOT NULL",
        "ALTER TABLE accounts ADD COLUMN nickname text NOT NULL",
        "DROP TABLE accounts",
    ],
)
def test_the_check_for_additive_revisions_sees_what_is_none(statement: str) -> None:
    assert NOT_ADDITIVE.search(statement) is not None
    assert NOT_ADDITIVE.search("ALTER TABLE accounts ADD COLUMN nickname text NOT NULL DEFAULT ''") is None
    assert NOT_ADDITIVE.search("ALTER TABLE accounts ADD COLUMN nickname text") is None


# Each migration writes its revision there last, so what it has done before that must be undone.
HOLD: LiteralString = "LOCK TABLE alembic_version IN SHARE MODE"


@pytest.mark.parametrize("service", SERVICES)
def test_a_held_lock_stops_a_migration_within_seconds_and_leaves_the_old_state(
    fresh_database: FreshDatabase, service: str
) -> None:
    url, rows = fresh_database(service), SERVICES[service]
    before, newest = revisions(service)[-2:]
    with connected(url) as watcher, psycopg.connect(url) as holder:
        fill_up_to(watcher, rows, "0001")
        holder.execute(HOLD)
        began = time.monotonic()
        with pytest.raises(exc.OperationalError, match="lock timeout"):
            migrations.downgrade(url, rows.package, before)
        took = time.monotonic() - began
        print(f"{service}: gave up after {took:.1f} s")
        assert 3 < took < MIGRATION_SECONDS
        assert read(watcher, "SELECT version_num FROM alembic_version") == [(newest,)]
        assert_survived(watcher, rows)
        holder.rollback()
        migrations.downgrade(url, rows.package, before)
        migrations.upgrade(url, rows.package)
        assert_survived(watcher, rows)


def test_a_statement_that_takes_too_long_is_ended_and_the_migration_undone(
    fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_database("identity")
    # Sooner than the wait for the lock ends, which is what makes the statement long here.
    monkeypatch.setattr(migrations, "STATEMENT_TIMEOUT", "500ms")
    with connected(url) as watcher, psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE known_networks IN ACCESS SHARE MODE")
        with pytest.raises(exc.OperationalError, match="statement timeout"):
            migrations.downgrade(url, IDENTITY.package, "0001")
        # The revision before it is a transaction of its own, and was done.
        assert read(watcher, "SELECT version_num FROM alembic_version") == [("0002",)]
        assert read(watcher, "SELECT count(*) FROM sign_in_attempts") == [(0,)]


def test_two_processes_migrate_one_after_the_other(fresh_database: FreshDatabase) -> None:
    url = fresh_database("wechat_cookie")
    migrations.downgrade(url, WECHAT_COOKIE.package, "base")
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrations.upgrade, url, WECHAT_COOKIE.package) for _ in range(4)]:
            done.result(60)
    with connected(url) as connection:
        assert read(connection, "SELECT version_num FROM alembic_version") == [
            (revisions("wechat_cookie")[-1],)
        ]


@pytest.mark.parametrize("service", SERVICES)
def test_code_leaves_a_schema_that_is_newer_than_itself_as_it_is_and_works_on_it(
    fresh_database: FreshDatabase, service: str
) -> None:
    """As after going back to the release before: the revision after the newest one here adds a table, as all do."""
    url, rows = fresh_database(service), SERVICES[service]
    with connected(url) as connection:
        fill_up_to(connection, rows, revisions(service)[-1])
        write(connection, "CREATE TABLE of_the_next_release (id bigint PRIMARY KEY)")
        write(connection, "UPDATE alembic_version SET version_num = '9999'")
        with capture_logs() as logged:
            migrations.upgrade(url, rows.package)
        assert read(connection, "SELECT version_num FROM alembic_version") == [("9999",)]
        assert_survived(connection, rows)
    assert [(line["event"], line["revisions"]) for line in logged] == [
        ("schema_is_newer_than_the_code", ["9999"])
    ]
    database = Database(url, pool_size=2)
    try:
        with database.direct() as direct:
            assert migrations.SchemaCheck(rows.package).is_met_by(direct)
    finally:
        database.dispose()
