"""A service's own PostgreSQL database: engine, transactions, and what its driver's errors mean to callers."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import psycopg
import sqlalchemy
from sqlalchemy import Connection, Engine, PoolProxiedConnection, create_engine, exc

from services.chassis.errors import ConflictError, DatabaseUnavailableError

CONNECT_SECONDS = 3
STATEMENT_MILLISECONDS = 10_000
LOCK_MILLISECONDS = 5_000
# A transaction that its process forgot must not hold its locks for ever.
IDLE_IN_TRANSACTION_MILLISECONDS = 15_000


@dataclass(frozen=True, slots=True)
class DirectConnection:
    """What a DirectStatement runs on: the driver's connection, whom to show statements, what to do at its loss."""

    driver: "psycopg.Connection[tuple[Any, ...]]"
    observers: Iterable[Callable[..., object]]
    lost: Callable[[], None]

    @classmethod
    def beneath(cls, connection: Connection) -> Self:
        """That of SQLAlchemy's connection, in the same transaction."""

        def lost() -> None:
            # What SQLAlchemy does, too: the other pooled connections have ended for the same reason.
            connection.invalidate()
            connection.engine.dispose()

        return cls(driver_connection(connection), connection.dispatch.before_cursor_execute, lost)


class Database:
    """Connections to one database. Thread-safe; opens nothing until it is first used."""

    def __init__(self, url: str, pool_size: int = 20, application_name: str = "fastmp") -> None:
        self._engine = _engine(url, pool_size, application_name)
        self._snapshots = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        # One statement needs no BEGIN and COMMIT around it: that is two round trips of three.
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises DatabaseUnavailableError or ConflictError for what the driver reports of that kind; integrity
        errors pass through as sqlalchemy.exc.IntegrityError, for the rule that knows the constraint.
        """
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection on which each statement is a transaction of its own. Raises as transaction() does."""
        with _translated(), self._autocommit.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def direct(self) -> Iterator[DirectConnection]:
        """As reading(), for DirectStatement alone: without what SQLAlchemy prepares for statements of its own."""
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
        """A read-only transaction in which all statements see one moment. Raises as transaction() does."""
        with _translated(), self._snapshots.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Closes the pooled connections."""
        self._engine.dispose()


def constraint_of(error: exc.IntegrityError) -> str | None:
    """The name of the constraint that was violated, by the driver's diagnostics."""
    if isinstance(error.orig, psycopg.Error):
        return error.orig.diag.constraint_name
    return None


def driver_connection(connection: Connection) -> "psycopg.Connection[tuple[Any, ...]]":
    """The psycopg connection beneath, in the same transaction: for COPY, and for enqueueing jobs."""
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
        # Whoever had it next would have no transactions.
        pooled.invalidate()


def driver_url(url: str) -> str:
    """The URL as psycopg itself takes it, for connections outside the pool (LISTEN, jobs)."""
    return sqlalchemy.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _engine(url: str, pool_size: int, application_name: str) -> Engine:
    parameters = {
        # Elsewhere the last hours of the year 9999 are no longer times that Python knows.
        "TimeZone": "UTC",
        "statement_timeout": STATEMENT_MILLISECONDS,
        "lock_timeout": LOCK_MILLISECONDS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_MILLISECONDS,
    }
    return create_engine(
        sqlalchemy.make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        # Values never reach a log or an error's text: they may be credentials.
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": application_name,
            "options": " ".join(f"-c {name}={value}" for name, value in parameters.items()),
            # A host that vanished without a word is noticed within seconds.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError:
        raise
    except exc.TimeoutError as error:
        raise DatabaseUnavailableError from error
    except (exc.DBAPIError, psycopg.Error) as error:
        # COPY goes straight to the driver, whose errors then come bare.
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        if isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
            raise ConflictError from error
        invalidated = isinstance(error, exc.DBAPIError) and error.connection_invalidated
        if invalidated or isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
            raise DatabaseUnavailableError from error
        raise
