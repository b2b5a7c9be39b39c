"""The migrations: they make what tables.py declares, and can be undone and done again."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, exc, make_url, text

from services.activation.composition import PACKAGE
from services.chassis.postgres import migrations
from services.chassis.postgres.database import constraint_of
from tests.support.postgres import FreshDatabase

CODE = "0123456789abcdef" * 2
TIME = "2026-01-02T03:04:05.000006Z"
ACCOUNT = "6a1f8a1c-0000-4000-8000-000000000001"


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("activation")


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_the_migrations_make_what_the_tables_declare(connection: Connection) -> None:
    assert migrations.differences(connection, PACKAGE) == []


def test_the_schema_can_be_taken_down_to_nothing_and_built_again(url: str, connection: Connection) -> None:
    ours = text(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S') "
        "UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "UNION ALL SELECT typname::text FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e' "
        "ORDER BY 1"
    )
    before = connection.execute(ours).scalars().all()
    connection.commit()

    migrations.downgrade(url, PACKAGE, "base")
    assert connection.execute(ours).scalars().all() == ["alembic_version"]
    connection.commit()

    migrations.upgrade(url, PACKAGE)
    assert connection.execute(ours).scalars().all() == before


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("activation_codes_activation_code_format", {"activation_code": CODE.upper()}),
        ("activation_codes_activation_code_format", {"activation_code": CODE[1:]}),
        ("activation_codes_activation_status_known", {"activation_status": "used"}),
        ("activation_codes_valid_days_range", {"valid_days": 0}),
        ("activation_codes_valid_days_range", {"valid_days": 3651}),
        ("activation_codes_create_time_format", {"create_time": "2026-01-02T03:04:05Z"}),
        ("activation_codes_update_time_format", {"update_time": "2026-01-02 03:04:05.000006Z"}),
        ("activation_codes_redeemed_whole", {"activation_status": "active", "account_id": ACCOUNT}),
        (
            "activation_codes_pending_unbound",
            {
                "account_id": ACCOUNT,
                "user_email": "a@example.com",
                "expiry_date": TIME,
                "activation_time": TIME,
            },
        ),
    ],
)
def test_the_database_itself_refuses_what_cannot_be(
    connection: Connection, constraint: str, changes: dict[str, object]
) -> None:
    row = {
        "id": "6a1f8a1c-0000-4000-8000-000000000000",
        "activation_code": CODE,
        "activation_status": "pending",
        "valid_days": 30,
        "create_time": TIME,
        "update_time": TIME,
    } | changes
    statement = f"INSERT INTO activation_codes ({', '.join(row)}) VALUES (:{', :'.join(row)})"

    with pytest.raises(exc.IntegrityError) as refused:
        connection.execute(text(statement), row)

    assert constraint_of(refused.value) == constraint
