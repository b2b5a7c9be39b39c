"""Wakes the watchers of a login when any replica writes an event of it."""

import datetime
import math
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.identity.principals import Principal
from services.chassis.postgres.notifications import Listener
from services.wechat_cookie.logins.rules import access
from services.wechat_cookie.logins.store.rows import CHANNEL


class Watcher:
    """A waiting stream and the access of the account that opened it."""

    def __init__(self, caller: Principal) -> None:
        self.owner_id = uuid.UUID(caller.account_id)
        self._tokens_valid_after = caller.tokens_valid_after
        self._token_end = caller.token_expire_time
        self._account_end = access.account_end(caller)
        self._access_ended = False
        self.closed = False
        # Whether it was closed because the replica stops.
        self.replica_stops = False
        self._woken = threading.Event()

    def wake(self) -> None:
        """Wakes the stream, because there may be events to read."""
        self._woken.set()

    def close(self) -> None:
        """Ends the stream because the caller has cancelled it."""
        self.closed = True
        self._woken.set()

    def stop(self) -> None:
        """Ends the stream because the replica stops; the caller should continue at another one."""
        self.replica_stops = True
        self.close()

    def account_changed(self, owner: Principal | None, now: datetime.datetime) -> None:
        """Updates the account, None for a deleted one. Wakes the stream if this ends its access."""
        if owner is None or not access.holds(self._tokens_valid_after, owner, now):
            self._access_ended = True
            self._woken.set()
        else:
            self._account_end = access.account_end(owner)

    def access_seconds(self, now: datetime.datetime) -> float:
        """Returns the seconds of access left at `now`; 0 or less if it has ended."""
        if self._access_ended:
            return 0.0
        ends = [end for end in (self._token_end, self._account_end) if end is not None]
        return min(((end - now).total_seconds() for end in ends), default=math.inf)

    def wait(self, seconds: float) -> bool:
        """Waits for wake() or close() and returns True, or returns False after `seconds`."""
        woken = self._woken.wait(seconds)
        if woken:
            # Cleared before the stream reads, so that events during the read wake it again. Not cleared after a
            # timeout, which would lose a concurrent wake.
            self._woken.clear()
        return woken


class EventHub:
    """The watchers of this replica by login, with one LISTEN connection for all of them."""

    def __init__(self, database_url: str, beat_seconds: float) -> None:
        self._lock = threading.Lock()
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._seen: set[str] = set()
        self._connected = False
        self._listener = Listener(
            database_url, {CHANNEL: self._wake}, self._on_beat, beat_seconds, name="listener-logins"
        )

    def start(self) -> None:
        """Starts listening."""
        self._listener.start()

    def stop(self) -> None:
        """Closes the connection and ends every watcher."""
        self._listener.stop()
        for watcher in self._all():
            watcher.stop()

    @contextmanager
    def watching(self, login_id: str, caller: Principal) -> Iterator[Watcher]:
        """Context with a watcher that is woken by new events of the login and when `caller` loses access."""
        watcher = Watcher(caller)
        with self._lock:
            self._watchers[login_id].add(watcher)
        try:
            yield watcher
        finally:
            with self._lock:
                # The login was in use until now.
                self._seen.add(login_id)
                watchers = self._watchers[login_id]
                watchers.discard(watcher)
                if not watchers:
                    del self._watchers[login_id]

    def owners(self) -> set[uuid.UUID]:
        """Returns the accounts that have streams in this replica."""
        return {watcher.owner_id for watcher in self._all()}

    def account_changed(self, account_id: uuid.UUID, owner: Principal | None, now: datetime.datetime) -> None:
        """Updates the account, None for a deleted one. Ends its streams that have lost access."""
        for watcher in self._all():
            if watcher.owner_id == account_id:
                watcher.account_changed(owner, now)

    def mark_seen(self, login_id: str) -> None:
        """Records that the owner has read the login without watching it."""
        with self._lock:
            self._seen.add(login_id)

    def take_seen(self) -> set[str]:
        """Returns the logins that are watched now or were read since the last call."""
        with self._lock:
            seen = self._seen | self._watchers.keys()
            self._seen = set()
        return seen

    def _wake(self, login_id: str) -> None:
        with self._lock:
            watchers = tuple(self._watchers.get(login_id, ()))
        for watcher in watchers:
            watcher.wake()

    def _on_beat(self, connected: bool) -> None:
        if connected and not self._connected:
            # Earlier notifications are lost, so every watcher reads.
            for watcher in self._all():
                watcher.wake()
        self._connected = connected

    def _all(self) -> tuple[Watcher, ...]:
        with self._lock:
            return tuple(watcher for watchers in self._watchers.values() for watcher in watchers)
