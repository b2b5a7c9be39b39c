"""The migrations make exactly the schema that the code declares, and can be taken back."""

import sqlalchemy as sa

from services.chassis.postgres import migrations
from services.chassis.postgres.database import Database
from tests.support.postgres import FreshDatabase

PACKAGE = "services.wechat_cookie"


def tables_in(url: str) -> set[str]:
    database = Database(url, pool_size=2)
    try:
        with database.reading() as connection:
            return set(sa.inspect(connection).get_table_names())
    finally:
        database.dispose()


def test_the_migrated_database_is_the_declared_schema(fresh_database: FreshDatabase) -> None:
    database = Database(fresh_database("wechat_cookie"), pool_size=2)
    with database.reading() as connection:
        assert migrations.current(connection) == migrations.heads(PACKAGE)
        assert migrations.differences(connection, PACKAGE) == []
    database.dispose()


def test_migrations_go_down_to_nothing_and_up_again(fresh_database: FreshDatabase) -> None:
    url = fresh_database("wechat_cookie")
    before = tables_in(url)
    migrations.downgrade(url, PACKAGE, "base")
    assert tables_in(url) == {"alembic_version"}
    migrations.upgrade(url, PACKAGE)
    assert tables_in(url) == before


def test_there_is_one_newest_migration() -> None:
    assert len(migrations.heads(PACKAGE)) == 1
