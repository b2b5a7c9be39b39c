"""LISTEN on a separate connection, which is restored when it is lost."""

import select
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from services.chassis.background_loop import BackgroundLoop
from services.chassis.errors import DatabaseUnavailableError
from services.chassis.postgres.connecting import BoundedConnection, driver_url

MOST_RETRY_SECONDS = 1.0


class Listener:
    """Calls `handlers[channel](payload)` for each notification, on one thread.

    `on_beat(True)` is called after each successful `query` on the connection: at least every `beat_seconds`, and
    after half that time if there was a notification. `on_beat(False)` is called when the connection is lost or a
    handler raises. Notifications sent meanwhile are lost, so the tables must be read at the next `on_beat(True)`.

    With `only_beats`, a handler may be called as late as the next beat, which saves waking for each notification.
    """

    def __init__(
        self,
        database_url: str,
        handlers: Mapping[str, Callable[[str], None]],
        on_beat: Callable[[bool], None],
        beat_seconds: float,
        query: Callable[["psycopg.Connection[Any]"], object] = lambda connection: connection.execute(
            "SELECT 1"
        ),
        *,
        name: str,
        only_beats: bool = False,
    ) -> None:
        """`name` is the name of the background loop."""
        self._url = driver_url(database_url)
        self._handlers = handlers
        self._on_beat = on_beat
        self._beat_seconds = beat_seconds
        self._query = query
        self._only_beats = only_beats
        self._loop = BackgroundLoop(
            name, self._listen_until_lost, beat_seconds, most_retry_seconds=MOST_RETRY_SECONDS
        )

    def start(self) -> None:
        """Starts the thread."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread within about `beat_seconds`."""
        self._loop.stop()

    def _listen_until_lost(self) -> None:
        try:
            self._listen()
        except psycopg.OperationalError as error:
            self._on_beat(False)
            raise DatabaseUnavailableError from error
        except Exception:
            self._on_beat(False)
            raise

    def _listen(self) -> None:
        with BoundedConnection.connect(self._url, autocommit=True) as connection:
            for channel in self._handlers:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            while not self._loop.is_stopping:
                # A beat must mean that the server answers, not only that there were no notifications.
                self._query(connection)
                self._on_beat(True)
                self._loop.succeeded()
                self._receive(connection)

    def _receive(self, connection: "psycopg.Connection[Any]") -> None:
        """Handles notifications until the next beat is due; a notification brings it forward to half its time."""
        # psycopg's own wait would wake ten times a second to check for signals, which only the main thread handles.
        arrival = select.poll()
        arrival.register(connection.fileno(), select.POLLIN)
        start = time.monotonic()
        beat_at = start + self._beat_seconds
        while True:
            # Includes notifications that arrived with an answer, which are no longer readable on the socket.
            for notification in connection.notifies(timeout=0):
                self._handlers[notification.channel](notification.payload)
                beat_at = start + self._beat_seconds / 2
            pause = beat_at - time.monotonic()
            if pause <= 0 or self._loop.is_stopping:
                return
            if self._only_beats and beat_at < start + self._beat_seconds:
                # Further notifications do not bring the beat forward, so there is no need to wake for each.
                self._loop.pause(pause)
            elif not arrival.poll(pause * 1000):
                return
