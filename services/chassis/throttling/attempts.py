"""What is known of attempts, in the database: how many have a place in which bucket."""

import datetime
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    any_,
    bindparam,
    delete,
    false,
    func,
    insert,
    literal,
    select,
)


@dataclass(frozen=True)
class Bucket:
    """What is limited, and how many attempts may count in it within the window."""

    key: bytes
    limit: int

    @property
    def lock(self) -> int:
        """The key of the advisory lock that keeps others out of it."""
        return int.from_bytes(self.key[:8], "big", signed=True)


@dataclass(frozen=True)
class Occupancy:
    """How many attempts of the window have a place in a bucket, and when the oldest began."""

    taken: int
    oldest: datetime.datetime


def bucket_key(*parts: str) -> bytes:
    """The key of what `parts` name together. It reveals nothing: people type passwords as e-mails."""
    return hashlib.sha256("\0".join(parts).encode()).digest()


class Attempts:
    """The attempts in one table, made by attempts_table(), as one window sees them."""

    def __init__(self, table: Table, window: datetime.timedelta) -> None:
        self.window = window
        self._columns = columns = table.c
        self._lock = select(
            func.pg_advisory_xact_lock(func.unnest(bindparam("locks", type_=ARRAY(BigInteger))))
        )
        self._occupancy = (
            select(columns.bucket, func.count(), func.min(columns.started_at))
            .where(
                columns.bucket == any_(bindparam("buckets", type_=ARRAY(LargeBinary))),
                columns.started_at > bindparam("window_start"),
            )
            .group_by(columns.bucket)
        )
        new = {
            "attempt_id": bindparam("attempt", type_=columns.attempt_id.type),
            "bucket": func.unnest(bindparam("buckets", type_=ARRAY(LargeBinary))),
            "started_at": bindparam("now", type_=columns.started_at.type),
            "is_open": false(),
        }
        self._count = insert(table).from_select(list(new), select(*new.values()))
        self._purge = delete(table).where(columns.started_at <= bindparam("before"))

    def lock(self, connection: Connection, buckets: Sequence[Bucket]) -> None:
        """Keeps others out of `buckets` until the transaction ends, so that looking and beginning are one."""
        # Sorted, so that two attempts with the same two buckets never wait for each other.
        connection.execute(self._lock, {"locks": sorted(bucket.lock for bucket in buckets)})

    def occupancy(
        self, connection: Connection, buckets: Sequence[Bucket], now: datetime.datetime
    ) -> Mapping[bytes, Occupancy]:
        """By key, for the buckets in which there are attempts."""
        values = {
            "buckets": [bucket.key for bucket in buckets],
            "window_start": now - self.window,
        }
        return {key: Occupancy(*rest) for key, *rest in connection.execute(self._occupancy, values)}

    def has_room(
        self, key: ColumnElement[bytes], limit: int, now: ColumnElement[datetime.datetime]
    ) -> ColumnElement[bool]:
        """SQL: whether at `now` fewer than `limit` attempts have a place in the bucket `key`, without locking it.

        For a statement that must not do its work otherwise.
        """
        window_start = now - literal(self.window)
        taken = select(func.count()).where(
            self._columns.bucket == key, self._columns.started_at > window_start
        )
        return taken.scalar_subquery() < limit

    def count(self, connection: Connection, buckets: Sequence[Bucket], now: datetime.datetime) -> None:
        """An attempt takes its places, and counts."""
        keys = [bucket.key for bucket in buckets]
        connection.execute(self._count, {"attempt": uuid.uuid4(), "buckets": keys, "now": now})

    def purge(self, connection: Connection, now: datetime.datetime) -> int:
        """Removes the attempts that are outside the window; gives the number of rows."""
        return connection.execute(self._purge, {"before": now - self.window}).rowcount
