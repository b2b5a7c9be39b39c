"""The migrations: they make what tables.py declares."""

from sqlalchemy import create_engine, make_url

from services.chassis.postgres import migrations
from services.notifications.composition import PACKAGE
from tests.support.postgres import FreshDatabase


def test_the_migrations_make_what_the_tables_declare(fresh_database: FreshDatabase) -> None:
    url = make_url(fresh_database("notifications")).set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    with engine.connect() as connection:
        assert migrations.differences(connection, PACKAGE) == []
    engine.dispose()
