"""Identity's migrations: they make what the code declares, and can be taken back."""

import sqlalchemy
from sqlalchemy import text

from services.chassis.postgres import migrations
from services.chassis.postgres.database import Database
from services.identity.composition import PACKAGE


def test_the_migrated_database_is_what_the_code_declares(database: Database) -> None:
    with database.transaction() as connection:
        assert migrations.differences(connection, PACKAGE) == []


def test_check_constraints_are_named_and_worded_as_the_code_declares(database: Database) -> None:
    # Alembic compares no check constraints.
    names = text(
        "SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    )
    declared = {
        constraint.name
        for table in migrations.metadata_of(PACKAGE).tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sqlalchemy.CheckConstraint)
    }
    with database.reading() as connection:
        assert set(connection.scalars(names)) == declared


def test_down_to_nothing_and_up_again(database: Database, database_url: str) -> None:
    migrations.downgrade(database_url, PACKAGE, "base")
    check = migrations.SchemaCheck(PACKAGE)
    with database.transaction() as connection:
        assert set(sqlalchemy.inspect(connection).get_table_names()) == {"alembic_version"}
    assert not is_met(check, database)
    migrations.upgrade(database_url, PACKAGE)
    with database.transaction() as connection:
        assert migrations.differences(connection, PACKAGE) == []
    assert is_met(check, database)


def test_code_is_content_with_a_database_that_newer_code_has_migrated(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
    assert is_met(migrations.SchemaCheck(PACKAGE), database)


def test_a_database_that_was_never_migrated_is_not_what_the_code_needs(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    assert not is_met(migrations.SchemaCheck(PACKAGE), database)


def is_met(check: migrations.SchemaCheck, database: Database) -> bool:
    with database.direct() as connection:
        return check.is_met_by(connection)
