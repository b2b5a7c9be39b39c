"""Limits attempts by bucket, exactly, over all replicas: an attempt has its place before anything is done for it.

An attempt is one row for each bucket that it falls into. It is open while its outcome is not known; then it is
removed, or stays as one that counts. As open ones may all come to count, there are never more open and counting
ones than the limit: whoever comes while the places are taken by open ones waits for their outcome, and is refused
only when those that count fill the bucket. So wrong guesses in parallel cannot exceed the limit, and
right ones in parallel are not refused. An attempt whose process died counts.
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
    Connection,
    Executable,
    LargeBinary,
    any_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from services.chassis.database import Database
from services.chassis.errors import ThrottledError
from services.identity.tables import attempts
from services.identity.turnstiles import NoTurnError, Turnstiles

# No attempt takes this long; one that is still open after it belongs to a process that died.
LONGEST_ATTEMPT = datetime.timedelta(seconds=60)
# How often one waits for the outcome of attempts at other replicas looks again.
LOOK_AGAIN_SECONDS = 0.1
SOON = datetime.timedelta(seconds=2)


@dataclass(frozen=True)
class Bucket:
    """What is limited, and how many attempts may count in it within the window."""

    key: bytes
    limit: int


@dataclass(frozen=True)
class _Occupancy:
    counting: int
    open: int
    oldest: datetime.datetime


_LOCK = select(func.pg_advisory_xact_lock(func.unnest(bindparam("locks", type_=ARRAY(BigInteger)))))
_is_pending = attempts.c.is_open & (attempts.c.started_at > bindparam("still_open"))
_OCCUPANCY = (
    select(
        attempts.c.bucket,
        func.count().filter(_is_pending).label("open"),
        func.count().filter(~_is_pending).label("counting"),
        func.min(attempts.c.started_at).label("oldest"),
    )
    .where(
        attempts.c.bucket == any_(bindparam("buckets", type_=ARRAY(LargeBinary))),
        attempts.c.started_at > bindparam("window_start"),
    )
    .group_by(attempts.c.bucket)
)
_BEGIN = insert(attempts)
_COUNT = update(attempts).where(attempts.c.attempt_id == bindparam("attempt")).values(is_open=False)
_FORGET = delete(attempts).where(attempts.c.attempt_id == bindparam("attempt"))
_PURGE = delete(attempts).where(attempts.c.started_at <= bindparam("before"))


def bucket_key(*parts: str) -> bytes:
    """The key of what `parts` name together. It reveals nothing: people type passwords as e-mails."""
    return hashlib.sha256("\0".join(parts).encode()).digest()


class Throttle:
    """Limits of one window. Thread-safe."""

    def __init__(
        self,
        database: Database,
        turnstiles: Turnstiles,
        window: datetime.timedelta,
        now: Callable[[], datetime.datetime],
        patience: Callable[[], float],
    ) -> None:
        """`patience` gives the seconds that the call now answered can still wait."""
        self._database = database
        self._turnstiles = turnstiles
        self._window = window
        self._now = now
        self._patience = patience

    @contextlib.contextmanager
    def attempt(
        self, buckets: Sequence[Bucket], refusal: type[ThrottledError], counts: type[Exception]
    ) -> Iterator[None]:
        """Runs the block as an attempt that counts if the block raises `counts`, and else does not.

        Raises `refusal` when a bucket is full.
        """
        with contextlib.ExitStack() as turns:
            # Most of those who would wait for each other's outcome wait here, without asking the database.
            for bucket in buckets:
                turn = self._turnstiles.passing(bucket.key, bucket.limit, self._patience())
                try:
                    turns.enter_context(turn)
                except NoTurnError:
                    raise refusal(retry_after=SOON) from None
            attempt_id = self._begin(buckets, refusal)
            try:
                yield
            except counts:
                self._end(_COUNT, attempt_id)
                raise
            except BaseException:
                self._end(_FORGET, attempt_id)
                raise
            self._end(_FORGET, attempt_id)

    def count(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> None:
        """Counts an attempt whatever becomes of it. Raises `refusal` when a bucket is full."""
        self._end(_COUNT, self._begin(buckets, refusal))

    def purge(self) -> int:
        """Removes the attempts that no longer count; gives the number of rows. For all throttles of the
        database, the one with the longest window does this."""
        with self._database.transaction() as connection:
            return connection.execute(_PURGE, {"before": self._now() - self._window}).rowcount

    def _begin(self, buckets: Sequence[Bucket], refusal: type[ThrottledError]) -> uuid.UUID:
        deadline = time.monotonic() + self._patience()
        attempt_id = uuid.uuid4()
        while True:
            with self._database.transaction() as connection:
                now = self._now()
                occupancy = self._occupancy(connection, buckets, now)
                for bucket in buckets:
                    found = occupancy.get(bucket.key)
                    if found is not None and found.counting >= bucket.limit:
                        raise refusal(retry_after=found.oldest + self._window - now)
                if all(_has_room(bucket, occupancy.get(bucket.key)) for bucket in buckets):
                    rows = [
                        {"attempt_id": attempt_id, "bucket": bucket.key, "started_at": now, "is_open": True}
                        for bucket in buckets
                    ]
                    connection.execute(_BEGIN, rows)
                    return attempt_id
            if time.monotonic() >= deadline:
                raise refusal(retry_after=SOON)
            threading.Event().wait(LOOK_AGAIN_SECONDS)

    def _occupancy(
        self, connection: Connection, buckets: Sequence[Bucket], now: datetime.datetime
    ) -> dict[bytes, _Occupancy]:
        keys = [bucket.key for bucket in buckets]
        # Sorted, so that two attempts with the same two buckets never wait for each other.
        locks = sorted(int.from_bytes(key[:8], "big", signed=True) for key in keys)
        connection.execute(_LOCK, {"locks": locks})
        values = {
            "buckets": keys,
            "window_start": now - self._window,
            "still_open": now - LONGEST_ATTEMPT,
        }
        return {
            row.bucket: _Occupancy(row.counting, row.open, row.oldest)
            for row in connection.execute(_OCCUPANCY, values)
        }

    def _end(self, statement: Executable, attempt_id: uuid.UUID) -> None:
        with self._database.transaction() as connection:
            connection.execute(statement, {"attempt": attempt_id})


def _has_room(bucket: Bucket, found: _Occupancy | None) -> bool:
    return found is None or found.counting + found.open < bucket.limit
