"""The tables that services declare with the chassis are those that migrations make with it."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData

from services.chassis.audit.tables import audit_tables
from tests.service.chassis.audit_world import World


def test_the_audit_tables_are_those_that_migrations_make(world: World) -> None:
    declared = MetaData()
    audit_tables(declared)
    with world.database.reading() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name in declared.tables},
        )
        assert compare_metadata(context, declared) == []
