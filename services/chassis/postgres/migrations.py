"""Migration of a service's schema with Alembic: one process at a time, each migration in a separate transaction.

A service package has its migrations in `<package>/migrations/versions` and its schema, as SQLAlchemy metadata, in
`<package>.tables.metadata`.
"""

import contextlib
import io
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import psycopg
import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, column, create_engine, select, table, text

from services.chassis.postgres.connecting import parameters
from services.chassis.postgres.database import DirectConnection
from services.chassis.postgres.direct_statements import DirectStatement

_log = structlog.get_logger(__name__)

# The key of the lock by which processes migrate one after the other; "fastmp" in ASCII.
ADVISORY_LOCK = 0x666173746D70
# Short, because while a migration waits for a lock, other statements wait behind it.
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "60s"

_VERSIONS = DirectStatement(select(table("alembic_version", column("version_num")).c.version_num))


def upgrade(database_url: str, package: str, revision: str = "head") -> None:
    """Upgrades the database of `package` ("services.identity") to `revision`. Idempotent.

    A database at a revision that this code does not know was migrated by a later release, whose migrations are
    additive: it is not changed, and a warning is logged. Raises sqlalchemy.exc.DBAPIError if a migration fails;
    earlier migrations stay committed.
    """
    with _connected(database_url) as connection:
        config = _config(package, connection)
        found = current(connection)
        # Ends the transaction of this query, because each migration has its own.
        connection.rollback()
        if later := found - _known(ScriptDirectory.from_config(config)):
            _log.warning("schema_is_newer_than_the_code", package=package, revisions=sorted(later))
            return
        command.upgrade(config, revision)


def downgrade(database_url: str, package: str, revision: str) -> None:
    """Downgrades the database of `package` to `revision`; "base" is the empty one. Raises as upgrade() does."""
    with _connected(database_url) as connection:
        command.downgrade(_config(package, connection), revision)


def offline_sql(package: str) -> str:
    """Returns the SQL of all migrations, from the empty database to the head."""
    config = _config(package, None)
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    return config.output_buffer.getvalue()


def heads(package: str) -> set[str]:
    """Returns the head revisions of this code: one, unless the migrations have forked."""
    return set(ScriptDirectory.from_config(_config(package, None)).get_heads())


def current(connection: Connection) -> set[str]:
    """Returns the revisions of the database, an empty set if it was never migrated."""
    return set(MigrationContext.configure(connection).get_current_heads())


class SchemaCheck:
    """A check that a database has a schema that the code of `package` works with."""

    def __init__(self, package: str) -> None:
        script = ScriptDirectory.from_config(_config(package, None))
        self._heads = set(script.get_heads())
        self._known = _known(script)

    def is_met_by(self, connection: DirectConnection) -> bool:
        """Returns whether the database is at the code's head, or at an unknown and therefore later revision."""
        try:
            # Alembic's own check takes thirty times as long, and this one runs every second.
            found = {version for (version,) in _VERSIONS.rows(connection, {})}
        except psycopg.errors.UndefinedTable:
            # The database was never migrated.
            return False
        return found == self._heads or bool(found - self._known)


def differences(connection: Connection, package: str) -> list[object]:
    """Returns the differences between the database and `<package>.tables.metadata`."""
    opts = {"include_object": _is_ours, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=opts)
    return list(compare_metadata(context, metadata_of(package)))


def metadata_of(package: str) -> MetaData:
    """Returns the schema that the code of `package` declares."""
    metadata = import_module(f"{package}.tables").metadata
    if not isinstance(metadata, MetaData):
        raise TypeError(f"{package}.tables.metadata is no MetaData")
    return metadata


def _known(script: ScriptDirectory) -> set[str]:
    return {revision.revision for revision in script.walk_revisions()}


def _is_ours(_object: object, name: str | None, _kind: str, _reflected: bool, _compare_to: object) -> bool:
    # Procrastinate's tables are created by its own SQL, and are in no metadata.
    return not (name or "").startswith("procrastinate_")


def _config(package: str, connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    folder = import_module(package).__path__[0]
    config.set_main_option("version_locations", str(Path(folder) / "migrations" / "versions"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextlib.contextmanager
def _connected(database_url: str) -> Iterator[Connection]:
    # Not a BoundedConnection: waits for the lock and for long migrations are right here.
    engine = create_engine(
        "postgresql+psycopg://", connect_args=parameters(database_url), hide_parameters=True
    )
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
            connection.commit()
            # The lock is released when the session ends.
            yield connection
    finally:
        engine.dispose()
