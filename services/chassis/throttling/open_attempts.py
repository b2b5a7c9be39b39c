"""Attempts whose outcome is not known yet: begun, and ended, by one statement that is a transaction of its own."""

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    Function,
    Integer,
    LargeBinary,
    Table,
    Uuid,
    bindparam,
    column,
    delete,
    select,
    update,
)

from services.chassis.postgres.database import DirectConnection
from services.chassis.postgres.direct_statements import DirectStatement
from services.chassis.throttling.attempts import Bucket

# No attempt takes this long; one that is still open after it belongs to a process that died.
LONGEST_ATTEMPT = datetime.timedelta(seconds=60)
# The parameter of a statement that ends an attempt.
ATTEMPT = "attempt"


@dataclass(frozen=True)
class FullBucket:
    """How many attempts of the window count in a bucket that has no place free, and when the oldest began."""

    counting: int
    oldest: datetime.datetime


def counted(table: Table) -> CTE:
    """SQL that lets the open attempt ATTEMPT count from now on, within the statement that this is a part of."""
    return update(table).where(_is_this(table)).values(is_open=False).returning(table.c.bucket).cte("counted")


def forgotten(table: Table) -> CTE:
    """SQL that takes the places of the open attempt ATTEMPT back, within the statement that this is a part of."""
    return delete(table).where(_is_this(table)).returning(table.c.bucket).cte("forgotten")


class OpenAttempts:
    """Those in a table made by attempts_table(), with the function of begin_v1, as one window sees them."""

    def __init__(self, table: Table, window: datetime.timedelta) -> None:
        self.window = window
        time = DateTime(timezone=True)
        full = Function(
            f"{table.name}_begin",
            bindparam(ATTEMPT, type_=Uuid),
            bindparam("buckets", type_=ARRAY(LargeBinary)),
            bindparam("limits", type_=ARRAY(Integer)),
            bindparam("locks", type_=ARRAY(BigInteger)),
            bindparam("now", type_=time),
            bindparam("window_start", type_=time),
            bindparam("still_open", type_=time),
        ).table_valued(
            column("full_bucket", LargeBinary), column("counting", BigInteger), column("oldest", time)
        )
        self._begin = DirectStatement(select(full))
        self._count = DirectStatement(select(counted(table)))
        self._forget = DirectStatement(select(forgotten(table)))

    def begin(
        self,
        connection: DirectConnection,
        attempt_id: uuid.UUID,
        buckets: Sequence[Bucket],
        now: datetime.datetime,
    ) -> Mapping[bytes, FullBucket]:
        """Gives an attempt its places if all buckets have one, else nothing; gives the full ones by their key.

        Exact, however many begin at once: meanwhile others are kept out of the buckets.
        """
        values = {
            ATTEMPT: attempt_id,
            "buckets": [bucket.key for bucket in buckets],
            "limits": [bucket.limit for bucket in buckets],
            # Sorted, so that two attempts with the same two buckets never wait for each other.
            "locks": sorted(bucket.lock for bucket in buckets),
            "now": now,
            "window_start": now - self.window,
            "still_open": now - LONGEST_ATTEMPT,
        }
        return {key: FullBucket(*rest) for key, *rest in self._begin.rows(connection, values)}

    def count(self, connection: DirectConnection, attempt_id: uuid.UUID) -> None:
        """An open attempt counts from now on."""
        self._count.rows(connection, {ATTEMPT: attempt_id})

    def forget(self, connection: DirectConnection, attempt_id: uuid.UUID) -> None:
        """An open attempt gives its places back."""
        self._forget.rows(connection, {ATTEMPT: attempt_id})


def _is_this(table: Table) -> ColumnElement[bool]:
    return table.c.attempt_id == bindparam(ATTEMPT, type_=Uuid)
