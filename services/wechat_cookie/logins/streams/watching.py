"""Streams the events of a login: existing ones, then new ones, with heartbeats in between."""

import datetime
import threading
from collections.abc import Callable, Iterator, Sequence

import structlog
from sqlalchemy import bindparam, select

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis.errors import DatabaseUnavailableError
from services.chassis.postgres.database import Database
from services.wechat_cookie.logins.errors import ReplicaStoppingError
from services.wechat_cookie.logins.messages import access_ended, heartbeat, is_last
from services.wechat_cookie.logins.rules.state import logged_id
from services.wechat_cookie.logins.store.tables import login_events
from services.wechat_cookie.logins.streams.hub import Watcher

_log = structlog.get_logger(__name__)

# While the database is unavailable.
RETRY_SECONDS = 1.0
# After an outage all streams read simultaneously; this leaves connections of the pool to unary calls.
MOST_READERS = 8

_AFTER = (
    select(login_events.c.message)
    .where(login_events.c.login_id == bindparam("login_id"))
    .where(login_events.c.sequence > bindparam("after"))
    .order_by(login_events.c.sequence)
)


class EventReader:
    """Reads the events of logins as they are written. `now` is the clock for heartbeats."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime.datetime],
        heartbeat_seconds: float,
    ) -> None:
        self._database = database
        self._now = now
        self._heartbeat_seconds = heartbeat_seconds
        self._readers = threading.BoundedSemaphore(MOST_READERS)

    def stream(
        self, login_id: str, after: int, watcher: Watcher, heartbeat_seconds: float | None = None
    ) -> Iterator[pb.LoginEvent]:
        """Yields the events after the sequence `after`, until the last one or until the watcher is closed.

        Reads the database once for each wake of the watcher. An unavailable database does not end the stream:
        heartbeats continue, and it catches up afterwards. When the caller's access ends, the last event is a
        failure with ACCESS_ENDED. Raises ReplicaStoppingError when the replica stops.
        """
        sequence = after
        pause = heartbeat_seconds or self._heartbeat_seconds
        while not watcher.closed:
            if watcher.access_seconds(self._now()) <= 0:
                yield access_ended(login_id, sequence + 1, self._now())
                return
            events = self._read(login_id, sequence)
            for event in () if events is None else events:
                message = pb.LoginEvent.FromString(event)
                sequence = message.sequence
                yield message
                if is_last(message):
                    return
            away = events is None
            # Frees the QR image: thousands of streams may wait for minutes.
            events = None
            while not watcher.wait(self._wait_seconds(watcher, min(RETRY_SECONDS, pause) if away else pause)):
                if watcher.access_seconds(self._now()) <= 0:
                    break
                yield heartbeat(login_id, sequence, self._now())
                if away:
                    break
        if watcher.replica_stops:
            raise ReplicaStoppingError

    def _wait_seconds(self, watcher: Watcher, pause: float) -> float:
        # Slightly after the end, so that the clock has reached it.
        return min(pause, max(0.0, watcher.access_seconds(self._now())) + 0.001)

    def _read(self, login_id: str, after: int) -> Sequence[bytes] | None:
        try:
            with self._readers, self._database.reading() as connection:
                return connection.execute(_AFTER, {"login_id": login_id, "after": after}).scalars().all()
        except DatabaseUnavailableError:
            _log.warning("watching_interrupted", login=logged_id(login_id))
            return None
