"""Wakes the watchers of a login when something has happened in it, whichever replica wrote it."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.postgres.notifications import Listener
from services.wechat_cookie.logins.store.rows import CHANNEL


class Watcher:
    """One stream that waits. It has no timer and asks nobody while nothing happens."""

    def __init__(self) -> None:
        self.closed = False
        # Whether it was closed because the replica stops, and not by its caller.
        self.replica_stops = False
        self._woken = threading.Event()

    def wake(self) -> None:
        """There is, or may be, something to read."""
        self._woken.set()

    def close(self) -> None:
        """Nobody reads on: the caller has hung up."""
        self.closed = True
        self._woken.set()

    def turn_away(self) -> None:
        """The replica stops: the caller is to go on at another one."""
        self.replica_stops = True
        self.close()

    def wait(self, seconds: float) -> bool:
        """Waits for wake() or close(); False if neither came within `seconds`."""
        woken = self._woken.wait(seconds)
        if woken:
            # Before the watcher reads, so that what happens during its reading wakes it again. Not after a wait in
            # vain: that would wipe out a wake of just now, which nobody reads for.
            self._woken.clear()
        return woken


class EventHub:
    """The watchers of this replica by login, and one LISTEN connection for all of them."""

    def __init__(self, database_url: str, beat_seconds: float) -> None:
        self._lock = threading.Lock()
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._seen: set[str] = set()
        self._hears = False
        self._listener = Listener(
            database_url, {CHANNEL: self._wake}, self._on_beat, beat_seconds, name="listener-logins"
        )

    def start(self) -> None:
        """Starts to listen."""
        self._listener.start()

    def stop(self) -> None:
        """Ends the connection and every watcher."""
        self._listener.stop()
        for watcher in self._all():
            watcher.turn_away()

    @contextmanager
    def watching(self, login_id: str) -> Iterator[Watcher]:
        """A watcher that is woken by everything written to the login from now on."""
        watcher = Watcher()
        with self._lock:
            self._watchers[login_id].add(watcher)
        try:
            yield watcher
        finally:
            with self._lock:
                # Whoever hung up just now was here until now.
                self._seen.add(login_id)
                watchers = self._watchers[login_id]
                watchers.discard(watcher)
                if not watchers:
                    del self._watchers[login_id]

    def saw(self, login_id: str) -> None:
        """Its owner has looked at the login without watching it."""
        with self._lock:
            self._seen.add(login_id)

    def take_seen(self) -> set[str]:
        """The logins that are watched now, or were looked at since the last call."""
        with self._lock:
            seen = self._seen | self._watchers.keys()
            self._seen = set()
        return seen

    def _wake(self, login_id: str) -> None:
        with self._lock:
            watchers = tuple(self._watchers.get(login_id, ()))
        for watcher in watchers:
            watcher.wake()

    def _on_beat(self, hears: bool) -> None:
        if hears and not self._hears:
            # What was announced before is lost, so everybody reads.
            for watcher in self._all():
                watcher.wake()
        self._hears = hears

    def _all(self) -> tuple[Watcher, ...]:
        with self._lock:
            return tuple(watcher for watchers in self._watchers.values() for watcher in watchers)
