"""Connections to PostgreSQL: the parameters from a URL, and waits for answers that end."""

import contextlib
import math
import re
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

# For each host of a URL.
CONNECT_SECONDS = 3
# Longer than the statement_timeout of ten seconds, by which a server that works ends a statement. It also ends the
# wait of a COMMIT for a synchronous standby, which no timeout of the server does.
ANSWER_SECONDS = 12.0
# The least that a call waits, also if its deadline passes before: longer than the lock_timeout of five seconds, so
# that callers with short deadlines do not make the connections be replaced.
LEAST_ANSWER_SECONDS = 6.0
# In which a call is answered that has waited in vain.
MARGIN_SECONDS = 0.4

_DRIVER = re.compile(r"^postgres(ql)?(\+\w+)?://")

# In place of ANSWER_SECONDS for commands that have the database for themselves.
LONG_ANSWER_SECONDS = 24 * 3600.0
_limit: ContextVar[tuple[float, float]] = ContextVar("answers_until", default=(math.inf, ANSWER_SECONDS))
_may_be_long: ContextVar[bool] = ContextVar("long_answers", default=False)

ResultT = TypeVar("ResultT")


def parameters(url: str) -> dict[str, Any]:
    """Returns libpq's connection parameters of `url`, which may name several hosts.

    Unless the URL says otherwise, connections are made only to a server that can write, which of several hosts is
    the primary, and lost hosts are noticed within about ten seconds. Raises ValueError, without the URL, if libpq
    does not understand it.
    """
    try:
        given = conninfo_to_dict(_DRIVER.sub("postgresql://", url))
    except psycopg.ProgrammingError:
        raise ValueError("libpq does not understand this URL") from None
    return {
        "connect_timeout": CONNECT_SECONDS,
        "target_session_attrs": "read-write",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        **given,
    }


def driver_url(url: str) -> str:
    """Returns the parameters of `url` as a connection string of libpq, for connections outside the pool."""
    return make_conninfo("", **parameters(url))


@contextlib.contextmanager
def answers_until(deadline: float, least: float = LEAST_ANSWER_SECONDS) -> Iterator[None]:
    """Ends this thread's waits for answers a little before `deadline`, in time.monotonic(), during the block.

    They last `least` seconds at least.
    """
    reset = _limit.set((deadline - MARGIN_SECONDS, least))
    try:
        yield
    finally:
        _limit.reset(reset)


@contextlib.contextmanager
def long_answers() -> Iterator[None]:
    """Lets this thread wait a day for each answer during the block, whose statements set their own limits."""
    reset = _may_be_long.set(True)
    try:
        yield
    finally:
        _may_be_long.reset(reset)


def answer_seconds() -> float:
    """Returns the seconds to wait for an answer of the server from now on."""
    if _may_be_long.get():
        return LONG_ANSWER_SECONDS
    deadline, least = _limit.get()
    return min(ANSWER_SECONDS, max(least, deadline - time.monotonic()))


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer within answer_seconds().

    A stopped server, unlike a dead one, keeps its connections: its kernel acknowledges what it receives.
    """

    def wait(self, gen: PQGen[ResultT], interval: float = 0.1, timeout: float | None = None) -> ResultT:
        """Returns what `gen` returns. Raises psycopg.OperationalError if there is no answer in time."""
        try:
            return super().wait(gen, interval, answer_seconds() if timeout is None else timeout)
        except psycopg.OperationalError:
            if timeout is None:
                close_unanswered(self)
            raise


def close_unanswered(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Closes the connection without waiting for the server, if a statement is still under way on it."""
    if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
        connection.pgconn.finish()
