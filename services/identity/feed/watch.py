"""Watches of the account feed: past changes from the database, then new ones, with heartbeats in between."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from services.chassis.postgres.database import Database
from services.identity.feed import changes
from services.identity.feed.changes import Change
from services.identity.feed.reader import FeedReader

# Beats in quick succession, as in a burst of changes, do not need a heartbeat each.
HEARTBEAT_GAP_SECONDS = 0.1
# Beats wake a watch; without them it checks at this interval whether the caller is still connected.
IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class Heartbeat:
    """There is no change after `sequence`."""

    sequence: int


@dataclass(frozen=True)
class FeedWatches:
    """Creates watches. Each has at most one batch of changes in memory; slow callers get changes later."""

    database: Database
    reader: FeedReader
    monotonic: Callable[[], float]

    def watch(
        self, after: int | None, wake: threading.Event, is_wanted: Callable[[], bool]
    ) -> Iterator[Sequence[Change] | Heartbeat]:
        """Yields every change after the sequence `after` (None: only new ones) in order, each once, and heartbeats.

        Changes are yielded in batches of at least one.

        Ends when the process stops, and after `is_wanted` has become false and `wake` is set. Raises
        FeedPrunedError if changes are missing, and DatabaseUnavailableError.
        """
        with self.reader.watching(wake):
            cursor = self._begin(after)
            next_heartbeat = 0.0
            while is_wanted() and not self.reader.is_closing:
                # Cleared before reading, so that what happens meanwhile wakes the watch again.
                wake.clear()
                beat = self.reader.beat()
                batch = self._after(cursor)
                if batch:
                    yield batch
                    cursor = batch[-1].sequence
                now = self.monotonic()
                if beat is not None and cursor >= beat.sequence and now >= next_heartbeat:
                    yield Heartbeat(cursor)
                    next_heartbeat = now + HEARTBEAT_GAP_SECONDS
                if len(batch) < changes.BATCH:
                    wake.wait(IDLE_SECONDS)

    def _begin(self, after: int | None) -> int:
        with self.database.reading() as connection:
            if after is None:
                return changes.head(connection)
            changes.changes_after(connection, after, at_most=1)
            return after

    def _after(self, cursor: int) -> Sequence[Change]:
        remembered = self.reader.remembered_after(cursor)
        if remembered is not None:
            return remembered
        with self.database.reading() as connection:
            return changes.changes_after(connection, cursor)
