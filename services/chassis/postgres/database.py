"""Connections to the PostgreSQL database of a service, and the translation of its driver's errors."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self, cast

import psycopg
import structlog
from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    ExceptionContext,
    PoolProxiedConnection,
    create_engine,
    event,
    exc,
)
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from services.chassis.errors import ConflictError, DatabaseUnavailableError
from services.chassis.postgres.connecting import CONNECT_SECONDS, BoundedConnection, parameters

_log = structlog.get_logger(__name__)

# The parameters of the pool's sessions.
SESSION = {
    # In another time zone the last hours of the year 9999 may be beyond the range of datetime.
    "TimeZone": "UTC",
    # In milliseconds.
    "statement_timeout": 10_000,
    "lock_timeout": 5_000,
    # Ends forgotten transactions, which would hold their locks.
    "idle_in_transaction_session_timeout": 15_000,
}

_OUTAGES = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
)


@dataclass(frozen=True)
class DirectConnection:
    """The driver's connection for DirectStatements, with the engine's observers and its handling of lost ones."""

    driver: "psycopg.Connection[tuple[Any, ...]]"
    observers: Iterable[Callable[..., object]]
    lost: Callable[[], None]

    @classmethod
    def beneath(cls, connection: Connection) -> Self:
        """Returns a direct connection of a SQLAlchemy connection, in the same transaction."""

        def lost() -> None:
            # As SQLAlchemy does: the other pooled connections are probably lost as well.
            connection.invalidate()
            connection.engine.dispose()

        return cls(driver_connection(connection), connection.dispatch.before_cursor_execute, lost)


class OpensTransactions(Protocol):
    """A Database, or a HeldTransaction in its place."""

    def transaction(self) -> contextlib.AbstractContextManager[Connection]:
        """See Database.transaction()."""


class Database:
    """A pool of connections to a database, opened on first use. Thread-safe."""

    def __init__(
        self, url: str, pool_size: int = 20, application_name: str = "fastmp", *, pooled: bool = False
    ) -> None:
        """`pooled` is whether `url` leads to PgBouncer, which gives each transaction another session.

        PgBouncer then has to set the timeouts (docs/operations/failover.md); a warning is logged if it does not.
        """
        self._engine = _engine(url, pool_size, application_name, pooled)
        self._snapshots = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        # Saves BEGIN and COMMIT, two of three round trips of a single statement.
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        event.listen(self._engine, "connect", self._note_pool)
        event.listen(self._engine, "checkin", self._close_if_pool_is_gone)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Runs the block in a transaction, which is committed when the block ends and rolled back when it raises.

        Raises DatabaseUnavailableError if the database cannot be reached or times out, and ConflictError for
        deadlocks and serialization failures. Other errors are not translated, such as
        sqlalchemy.exc.IntegrityError, which the caller handles by constraint.
        """
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yields a connection in autocommit mode. Raises the same errors as transaction()."""
        with _translated(), self._autocommit.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def direct(self) -> Iterator[DirectConnection]:
        """Yields a connection in autocommit mode for DirectStatements, which are faster.

        Raises as transaction().
        """
        with _translated(), contextlib.closing(self._engine.raw_connection()) as pooled:
            driver = _driver(pooled)

            def lost() -> None:
                pooled.invalidate()
                self._engine.dispose()

            driver.autocommit = True
            try:
                yield DirectConnection(driver, self._engine.dispatch.before_cursor_execute, lost)
            finally:
                _leave_autocommit(pooled, driver)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Yields a connection with a read-only transaction in one snapshot.

        Raises the same errors as transaction().
        """
        with _translated(), self._snapshots.begin() as connection:
            yield connection

    @property
    def connections_in_use(self) -> int:
        """The number of connections that calls hold."""
        return self._pool.checkedout()

    @property
    def pool_size(self) -> int:
        """The most connections that calls can hold."""
        return self._pool.size()

    @property
    def _pool(self) -> QueuePool:
        return cast("QueuePool", self._engine.pool)

    def dispose(self) -> None:
        """Closes the pooled connections; those in use are closed when they are returned."""
        self._engine.dispose()

    def _note_pool(self, _driver: object, record: ConnectionPoolEntry) -> None:
        record.info["pool"] = self._engine.pool

    def _close_if_pool_is_gone(self, _driver: object, record: ConnectionPoolEntry) -> None:
        # Engine.dispose() creates a new pool; a connection returned to the old one would stay open until it is
        # garbage-collected.
        if record.info.get("pool") is not self._engine.pool:
            record.invalidate()


def constraint_of(error: exc.IntegrityError) -> str | None:
    """Returns the name of the violated constraint, or None if the driver does not report it."""
    if isinstance(error.orig, psycopg.Error):
        return error.orig.diag.constraint_name
    return None


def driver_connection(connection: Connection) -> "psycopg.Connection[tuple[Any, ...]]":
    """Returns the psycopg connection of `connection`, in the same transaction, for COPY."""
    return _driver(connection.connection)


def _driver(pooled: PoolProxiedConnection) -> "psycopg.Connection[tuple[Any, ...]]":
    driver = pooled.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the database driver is not psycopg")
    return driver


def _leave_autocommit(pooled: PoolProxiedConnection, driver: "psycopg.Connection[tuple[Any, ...]]") -> None:
    if not pooled.is_valid:
        return
    try:
        driver.autocommit = False
    except psycopg.Error:
        # The connection must not be returned to the pool in autocommit mode.
        pooled.invalidate()


def _engine(url: str, pool_size: int, application_name: str, pooled: bool) -> Engine:
    arguments = {**parameters(url), "application_name": application_name}
    if pooled:
        # A prepared statement would be one of another session.
        arguments["prepare_threshold"] = None
    else:
        arguments["options"] = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    engine = create_engine(
        # SQLAlchemy's own URLs cannot hold several hosts in the form that libpq reads.
        "postgresql+psycopg://",
        connect_args=arguments,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        # Values may be credentials, which must not reach a log or an error.
        hide_parameters=True,
    )
    if pooled:
        event.listen(engine, "connect", _begin_pooled)
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "handle_error", _note_demotion)
    return engine


def _connect(
    _dialect: Dialect, _record: ConnectionPoolEntry, arguments: tuple[str, ...], parameters: dict[str, Any]
) -> BoundedConnection:
    return BoundedConnection.connect(*arguments, **parameters)


def _begin_pooled(driver: "psycopg.Connection[tuple[Any, ...]]", _record: ConnectionPoolEntry) -> None:
    driver.autocommit = True
    # PgBouncer keeps the time zone of a client, and none of its other parameters.
    settings = "SELECT set_config('TimeZone', 'UTC', false), current_setting('statement_timeout')"
    row = driver.execute(settings).fetchone()
    driver.autocommit = False
    if row is not None and row[1] == "0":
        _log.warning("pooler_sets_no_timeouts")


def _note_demotion(context: ExceptionContext) -> None:
    """Makes SQLAlchemy replace its connections when their server has become a standby, which cannot write."""
    chosen = context.connection is not None and context.connection.get_execution_options().get(
        "postgresql_readonly"
    )
    if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction) and not chosen:
        context.is_disconnect = True


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError:
        raise
    except exc.TimeoutError as error:
        raise DatabaseUnavailableError from error
    except (exc.DBAPIError, psycopg.Error) as error:
        # COPY and DirectStatement raise the driver's errors.
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        if isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
            raise ConflictError from error
        if isinstance(error, exc.DBAPIError):
            unavailable = error.connection_invalidated
        else:
            unavailable = isinstance(cause, psycopg.errors.ReadOnlySqlTransaction)
        # An error that the driver cannot name further is one of the connection.
        if unavailable or isinstance(cause, _OUTAGES) or type(cause) is psycopg.DatabaseError:
            raise DatabaseUnavailableError from error
        raise
