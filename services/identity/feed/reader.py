"""Reads the feed of account changes for this process's cache of principals and for its watches."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog

from services.chassis.errors import DomainError
from services.chassis.identity.principals import CachingAuthenticator
from services.chassis.postgres.database import Database
from services.chassis.postgres.notifications import Listener
from services.identity.feed import changes
from services.identity.feed.changes import Change, FeedPrunedError

_log = structlog.get_logger(__name__)

# Together with the time for which an authenticator trusts a beat, less than a second from a commit to its effect.
BEAT_SECONDS = 0.3
# The age up to which a beat is current. A read of the feed that takes longer does not confirm anything.
FRESH_SECONDS = 0.25
# After this time without a beat, the replica is not ready.
WORKING_SECONDS = 1.5
# The number of changes kept in memory for watches; a watch that is further behind reads the database.
REMEMBERED = 5000


@dataclass(frozen=True)
class Beat:
    """A read of the feed: at `time` (of the monotonic clock), `sequence` was the last change."""

    sequence: int
    time: float


class FeedReader:
    """A thread that reads the feed after every notification and at least every 300 ms. Thread-safe."""

    def __init__(
        self,
        database_url: str,
        authenticator: CachingAuthenticator,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # A separate connection, so that the cache also works when the pool is exhausted.
        self._database = Database(database_url, pool_size=1, application_name="fastmp-identity-feed")
        self._authenticator = authenticator
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._remembered: deque[Change] = deque(maxlen=REMEMBERED)
        self._watchers: set[threading.Event] = set()
        self._position: int | None = None
        self._beat: Beat | None = None
        self._is_closing = False
        self._started_at = monotonic()
        self._read_at = 0.0
        self._head: int | None = None
        # A notification needs no handler: the listener beats after each one, and the beat reads the feed.
        self._listener = Listener(
            database_url,
            {changes.CHANNEL: lambda _: None},
            self._on_beat,
            BEAT_SECONDS,
            self._read_head,
            name="listener-account-feed",
            only_beats=True,
        )

    def start(self) -> None:
        """Starts the thread, which survives outages of the database."""
        self._listener.start()

    def close_watches(self) -> None:
        """Ends all watches, so that they end before this process does."""
        with self._lock:
            self._is_closing = True
            self._wake_watchers()

    def stop(self) -> None:
        """Ends the thread and its connections."""
        self.close_watches()
        self._listener.stop()
        self._database.dispose()

    @property
    def is_closing(self) -> bool:
        """Whether watches should end."""
        return self._is_closing

    @property
    def is_working(self) -> bool:
        """Whether the reader has read the feed within the last WORKING_SECONDS."""
        return self._beat_within(WORKING_SECONDS) is not None

    @property
    def watchers(self) -> int:
        """The number of current watches."""
        return len(self._watchers)

    @property
    def sequence(self) -> int:
        """The sequence of the last change that this replica has read."""
        return self._position or 0

    @property
    def lag_seconds(self) -> float:
        """The time since the feed was last read completely, or since the replica was created if it never was."""
        beat = self._beat
        return self._monotonic() - (self._started_at if beat is None else beat.time)

    def beat(self) -> Beat | None:
        """Returns the last beat, or None if it is older than FRESH_SECONDS."""
        return self._beat_within(FRESH_SECONDS)

    def remembered_after(self, sequence: int) -> Sequence[Change] | None:
        """Returns the next changes after `sequence` from memory, or None if they must be read from the database."""
        with self._lock:
            if self._position is None or sequence < self._position - len(self._remembered):
                return None
            known = len(self._remembered)
            # Beyond what is known when a watcher of another replica has read what this one has yet to read.
            first = known - (self._position - sequence)
            return [self._remembered[index] for index in range(first, min(first + changes.BATCH, known))]

    @contextmanager
    def watching(self, wake: threading.Event) -> Iterator[None]:
        """Sets `wake` at every beat and when the watch must end, during the block."""
        with self._lock:
            self._watchers.add(wake)
        try:
            yield
        finally:
            with self._lock:
                self._watchers.discard(wake)

    def _beat_within(self, seconds: float) -> Beat | None:
        beat = self._beat
        return beat if beat is not None and self._monotonic() - beat.time <= seconds else None

    def _read_head(self, connection: "psycopg.Connection[Any]") -> None:
        self._read_at = self._monotonic()
        # Several times a second, so without the cost of SQLAlchemy.
        row = connection.execute("SELECT sequence FROM account_feed").fetchone()
        self._head = None if row is None else int(row[0])

    def _on_beat(self, is_alive: bool) -> None:
        if not is_alive:
            self._authenticator.distrust()
            # Its connection leads to the same server, and may wait for an answer for long before it is given up.
            self._database.dispose()
            return
        started = self._read_at
        try:
            position = self._catch_up()
        except DomainError as error:
            self._authenticator.distrust()
            _log.warning("account_feed_unreadable", reason=error.reason)
            return
        if self._monotonic() - started <= FRESH_SECONDS:
            self._authenticator.trust()
            with self._lock:
                self._beat = Beat(position, started)
                self._wake_watchers()

    def _catch_up(self) -> int:
        position = self._position
        if position is not None and position == self._head:
            # The usual case: there is nothing to read.
            return position
        while position is not None:
            try:
                with self._database.reading() as connection:
                    batch = changes.changes_after(connection, position)
            except FeedPrunedError:
                # This process was suspended for longer than changes are kept.
                break
            for change in batch:
                self._authenticator.drop(str(change.account_id), change.sequence)
            position += len(batch)
            with self._lock:
                self._remembered.extend(batch)
                self._position = position
            if len(batch) < changes.BATCH:
                return position
        return self._start_at_head()

    def _start_at_head(self) -> int:
        with self._database.reading() as connection:
            head = changes.head(connection)
        # The cache was not notified of the changes before the head.
        self._authenticator.forget(head)
        with self._lock:
            self._remembered.clear()
            self._position = head
        return head

    def _wake_watchers(self) -> None:
        for wake in self._watchers:
            wake.set()
