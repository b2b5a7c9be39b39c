"""The table of attempts: how many of a window have a place in which bucket."""

import datetime
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    not_,
    select,
    update,
)

# No attempt takes this long; one that is still open after it belongs to a process that died, and counts.
LONGEST_ATTEMPT = datetime.timedelta(seconds=60)


@dataclass(frozen=True)
class Bucket:
    """What is limited, and how many attempts may count in it within the window."""

    key: bytes
    limit: int

    @property
    def lock(self) -> int:
        """The key of the advisory lock that serializes beginnings in this bucket."""
        return int.from_bytes(self.key[:8], "big", signed=True)


@dataclass(frozen=True)
class Occupancy:
    """How many attempts of the window have a place in a bucket, how many of them count, when the oldest began."""

    taken: int
    counting: int
    oldest: datetime.datetime


def bucket_key(*parts: str) -> bytes:
    """The key of what `parts` name together: a digest, because people type passwords as e-mails."""
    return hashlib.sha256("\0".join(parts).encode()).digest()


class Attempts:
    """The attempts in one table, made by attempts_table(), within one window.

    An attempt has one row in each of its buckets. It is open while its outcome is unknown, and counts afterwards.
    """

    def __init__(self, table: Table, window: datetime.timedelta) -> None:
        self.window = window
        self._columns = columns = table.c
        self._lock = select(
            func.pg_advisory_xact_lock(func.unnest(bindparam("locks", type_=ARRAY(BigInteger))))
        )
        counts = not_(columns.is_open) | (columns.started_at <= bindparam("still_open"))
        self._occupancy = (
            select(columns.bucket, func.count(), func.count().filter(counts), func.min(columns.started_at))
            .where(
                columns.bucket == any_(bindparam("buckets", type_=ARRAY(LargeBinary))),
                columns.started_at > bindparam("window_start"),
            )
            .group_by(columns.bucket)
        )
        new = {
            "attempt_id": bindparam("attempt", type_=Uuid),
            "bucket": func.unnest(bindparam("buckets", type_=ARRAY(LargeBinary))),
            "started_at": bindparam("now", type_=columns.started_at.type),
            "is_open": bindparam("is_open", type_=Boolean),
        }
        self._add = insert(table).from_select(list(new), select(*new.values()))
        is_this = columns.attempt_id == bindparam("attempt", type_=Uuid)
        counting = columns.bucket == any_(bindparam("counting", type_=ARRAY(LargeBinary)))
        self._count = update(table).where(is_this, counting).values(is_open=False)
        self._forget = delete(table).where(is_this, not_(counting))
        self._purge = delete(table).where(columns.started_at <= bindparam("before"))

    def lock(self, connection: Connection, buckets: Sequence[Bucket]) -> None:
        """Locks `buckets` until the transaction ends, so that no attempt begins between a look and a place."""
        # Sorted, so that two attempts with the same two buckets never wait for each other.
        connection.execute(self._lock, {"locks": sorted(bucket.lock for bucket in buckets)})

    def occupancy(
        self, connection: Connection, buckets: Sequence[Bucket], now: datetime.datetime
    ) -> Mapping[bytes, Occupancy]:
        """The occupancy by key, of those buckets in which there are attempts."""
        values = {
            "buckets": [bucket.key for bucket in buckets],
            "window_start": now - self.window,
            "still_open": now - LONGEST_ATTEMPT,
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

    def begin(
        self,
        connection: Connection,
        buckets: Sequence[Bucket],
        now: datetime.datetime,
        *,
        is_open: bool = True,
    ) -> uuid.UUID:
        """Gives a new attempt a place in each bucket, full or not; returns its id."""
        attempt_id = uuid.uuid4()
        keys = [bucket.key for bucket in buckets]
        values = {"attempt": attempt_id, "buckets": keys, "now": now, "is_open": is_open}
        connection.execute(self._add, values)
        return attempt_id

    def end(self, connection: Connection, attempt_id: uuid.UUID, counting: Sequence[Bucket]) -> None:
        """Lets an open attempt count in the buckets `counting`, and gives its places in the others back."""
        values = {"attempt": attempt_id, "counting": [bucket.key for bucket in counting]}
        if counting:
            connection.execute(self._count, values)
        connection.execute(self._forget, values)

    def count(self, connection: Connection, buckets: Sequence[Bucket], now: datetime.datetime) -> None:
        """Records an attempt that counts from its beginning."""
        self.begin(connection, buckets, now, is_open=False)

    def purge(self, connection: Connection, now: datetime.datetime) -> int:
        """Removes the attempts that are outside the window; returns the number of rows."""
        return connection.execute(self._purge, {"before": now - self.window}).rowcount
