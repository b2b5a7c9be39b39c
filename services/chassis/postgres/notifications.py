"""LISTEN: hears what other transactions NOTIFY, on a connection of its own, through outages."""

import select
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import structlog
from psycopg import sql

from services.chassis.postgres.database import CONNECT_SECONDS, driver_url

_log = structlog.get_logger(__name__)


RECONNECT_SECONDS = 0.5


class Listener:
    """Calls `handlers[channel](payload)` for every notification, in one thread of its own.

    `on_beat` is called with True after every look at a working connection, at least every `beat_seconds`, sooner
    after a notification, and with False when the connection is lost. Notifications sent while it was lost are gone:
    whoever listens reads the tables again when the beat comes back. `look` asks the server something on that very
    connection. With `only_beats` a handler may be called as late as the beat: it has nothing to do before it.
    """

    def __init__(
        self,
        database_url: str,
        handlers: Mapping[str, Callable[[str], None]],
        on_beat: Callable[[bool], None],
        beat_seconds: float,
        look: Callable[["psycopg.Connection[Any]"], object] = lambda connection: connection.execute(
            "SELECT 1"
        ),
        *,
        only_beats: bool = False,
    ) -> None:
        self._url = driver_url(database_url)
        self._handlers = handlers
        self._on_beat = on_beat
        self._beat_seconds = beat_seconds
        self._look = look
        self._only_beats = only_beats
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread within about a beat."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                self._on_beat(False)
                _log.warning("listening_interrupted", error=type(error).__name__)
                self._stopping.wait(RECONNECT_SECONDS)
            except Exception:  # noqa: BLE001 - A handler has failed, whatever it was; the next word must be heard.
                self._on_beat(False)
                _log.exception("listener_handler_failed")
                self._stopping.wait(RECONNECT_SECONDS)

    def _listen(self) -> None:
        with psycopg.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, tcp_user_timeout=10_000
        ) as connection:
            for channel in self._handlers:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            while not self._stopping.is_set():
                # A beat must mean that the server answers, not only that nothing was heard.
                self._look(connection)
                self._on_beat(True)
                self._hear(connection)

    def _hear(self, connection: "psycopg.Connection[Any]") -> None:
        """Handles what is said until the next beat is due; what is said brings that forward, to half its time."""
        # Left to itself psycopg wakes ten times a second to look for signals, which are the main thread's business.
        arrival = select.poll()
        arrival.register(connection.fileno(), select.POLLIN)
        begun = time.monotonic()
        beat_at = begun + self._beat_seconds
        while True:
            # Also what came together with an answer, for which the socket has nothing to read any more.
            for notification in connection.notifies(timeout=0):
                self._handlers[notification.channel](notification.payload)
                beat_at = begun + self._beat_seconds / 2
            pause = beat_at - time.monotonic()
            if pause <= 0 or self._stopping.is_set():
                return
            if self._only_beats and beat_at < begun + self._beat_seconds:
                # Nothing that is said now brings the beat further forward: no need to wake for each word.
                self._stopping.wait(pause)
            elif not arrival.poll(pause * 1000):
                return
