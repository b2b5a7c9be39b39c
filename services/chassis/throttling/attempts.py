"""Limits the number of attempts within a window, exactly across all replicas, in the service's database.

An attempt takes a place in each of its buckets before its work starts, and the place is open until the outcome is
known. An open place may become a counting one, so there are never more open and counting places than the limit. An
attempt that finds the places taken waits while some of them are open, and is refused when those that count fill the
bucket: concurrent wrong guesses cannot exceed the limit, and concurrent right ones are not refused. An attempt
whose process died counts. Attempts that count whatever their outcome need no waiting, see Attempts.count().
"""

import contextlib
import datetime
import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
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

from services.chassis.errors import ThrottledError
from services.chassis.postgres.database import Database

# Far longer than any attempt; one that is open longer belongs to a process that died, and counts.
LONGEST_ATTEMPT = datetime.timedelta(seconds=60)
# Interval at which a waiting attempt checks the outcome of others.
POLL_SECONDS = 0.1
RETRY_AFTER_WAITING = datetime.timedelta(seconds=2)


@dataclass(frozen=True)
class Bucket:
    """A key to limit attempts by, and the number of attempts that may count within the window."""

    key: bytes
    limit: int

    @property
    def lock(self) -> int:
        """Returns the key of the advisory lock that serialises starts of attempts in this bucket."""
        return int.from_bytes(self.key[:8], "big", signed=True)


@dataclass(frozen=True)
class _Occupancy:
    """The attempts with a place in a bucket: their number, how many count, and the start of the oldest."""

    taken: int
    counting: int
    oldest: datetime.datetime


def bucket_key(*parts: str) -> bytes:
    """Returns the key for `parts`: a digest, because users enter passwords in place of e-mails."""
    return hashlib.sha256("\0".join(parts).encode()).digest()


class Attempts:
    """Attempts within one window, in a table from attempts_table(). Thread-safe.

    A bucket is for attempt() or for count(); a table may contain buckets of both, and of several windows.
    """

    def __init__(
        self,
        database: Database,
        table: Table,
        window: datetime.timedelta,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._database = database
        self._window = window
        self._now = now
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
        self._forgive = delete(table).where(
            columns.bucket == any_(bindparam("buckets", type_=ARRAY(LargeBinary))), not_(columns.is_open)
        )
        self._purge = delete(table).where(columns.started_at <= bindparam("before"))

    @contextlib.contextmanager
    def attempt(
        self,
        failures: Sequence[Bucket],
        successes: Sequence[Bucket],
        failure: type[Exception],
        refusal: type[ThrottledError],
        timeout_seconds: float,
    ) -> Iterator[None]:
        """Runs the block as an attempt, after waiting at most `timeout_seconds` for the outcome of others.

        It counts in the buckets `failures` if the block raises `failure`, in `successes` if it raises nothing, and
        in no bucket if it raises something else. Raises `refusal`, before the block runs, if one of these
        buckets is full.
        """
        attempt_id = self._begin((*failures, *successes), refusal, timeout_seconds)
        counting: Sequence[Bucket] = ()
        try:
            yield
            counting = successes
        except failure:
            counting = failures
            raise
        finally:
            with self._database.transaction() as connection:
                self._end(connection, attempt_id, counting)

    def count(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> None:
        """Counts once in every bucket. Raises `refusal` and counts nothing if one is full."""
        with self._database.transaction() as connection:
            self.count_within(connection, buckets, refusal)

    def count_within(
        self, connection: Connection, buckets: Sequence[Bucket], refusal: type[ThrottledError]
    ) -> None:
        """Like count(), in the open transaction of `connection`; a rollback undoes the count."""
        self._take_places(connection, buckets, refusal, is_open=False)

    def check(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> None:
        """Raises `refusal` if a bucket is full."""
        now = self._now()
        with self._database.reading() as connection:
            for _, found in self._full(connection, buckets, now):
                raise refusal(retry_after=found.oldest + self._window - now)

    def forgive(self, connection: Connection, keys: Sequence[bytes]) -> None:
        """Forgets the attempts that count in the buckets of these keys, in the transaction of `connection`.

        Attempts whose outcome is still unknown are kept.
        """
        connection.execute(self._forgive, {"buckets": list(keys)})

    def has_room(
        self, key: ColumnElement[bytes], limit: int, now: ColumnElement[datetime.datetime]
    ) -> ColumnElement[bool]:
        """Returns SQL for whether fewer than `limit` attempts have a place in the bucket `key`. Takes no lock.

        For statements that must have no effect over the limit.
        """
        window_start = now - literal(self._window)
        taken = select(func.count()).where(
            self._columns.bucket == key, self._columns.started_at > window_start
        )
        return taken.scalar_subquery() < limit

    def purge(self) -> int:
        """Deletes the rows outside the window and returns their number.

        Of the limits that share a table, only the one with the longest window may call this.
        """
        with self._database.transaction() as connection:
            return connection.execute(self._purge, {"before": self._now() - self._window}).rowcount

    def _begin(
        self, buckets: Sequence[Bucket], refusal: type[ThrottledError], timeout_seconds: float
    ) -> uuid.UUID:
        deadline = time.monotonic() + timeout_seconds
        while True:
            with self._database.transaction() as connection:
                attempt_id = self._take_places(connection, buckets, refusal, is_open=True)
            if attempt_id is not None:
                return attempt_id
            if time.monotonic() >= deadline:
                raise refusal(retry_after=RETRY_AFTER_WAITING)
            threading.Event().wait(POLL_SECONDS)

    def _take_places(
        self,
        connection: Connection,
        buckets: Sequence[Bucket],
        refusal: type[ThrottledError],
        *,
        is_open: bool,
    ) -> uuid.UUID | None:
        """Inserts an attempt with a place in each bucket and returns its id.

        Raises `refusal` if a bucket is full. For an open attempt, a bucket is full only if counting ones fill it;
        otherwise returns None, because a place may still become free.
        """
        # No attempt starts between the check and the insertion until the transaction ends. Sorted, so that attempts
        # with the same buckets do not deadlock.
        connection.execute(self._lock, {"locks": sorted(bucket.lock for bucket in buckets)})
        now = self._now()
        full = self._full(connection, buckets, now)
        for bucket, found in full:
            if not is_open or found.counting >= bucket.limit:
                raise refusal(retry_after=found.oldest + self._window - now)
        if full:
            return None
        attempt_id = uuid.uuid4()
        keys = [bucket.key for bucket in buckets]
        values = {"attempt": attempt_id, "buckets": keys, "now": now, "is_open": is_open}
        connection.execute(self._add, values)
        return attempt_id

    def _full(
        self, connection: Connection, buckets: Sequence[Bucket], now: datetime.datetime
    ) -> list[tuple[Bucket, _Occupancy]]:
        """Returns the buckets without a free place, in the given order."""
        values = {
            "buckets": [bucket.key for bucket in buckets],
            "window_start": now - self._window,
            "still_open": now - LONGEST_ATTEMPT,
        }
        found = {key: _Occupancy(*rest) for key, *rest in connection.execute(self._occupancy, values)}
        return [
            (bucket, found[bucket.key])
            for bucket in buckets
            if bucket.key in found and found[bucket.key].taken >= bucket.limit
        ]

    def _end(self, connection: Connection, attempt_id: uuid.UUID, counting: Sequence[Bucket]) -> None:
        """Ends an open attempt: it counts in the buckets `counting`, and its places in the others are released."""
        values = {"attempt": attempt_id, "counting": [bucket.key for bucket in counting]}
        if counting:
            connection.execute(self._count, values)
        connection.execute(self._forget, values)
