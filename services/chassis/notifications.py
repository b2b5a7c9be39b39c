"""LISTEN: hears what other transactions NOTIFY, on a connection of its own, through outages."""

import threading
from collections.abc import Callable, Mapping

import psycopg
import structlog
from psycopg import sql

from services.chassis.database import CONNECT_SECONDS, driver_url

_log = structlog.get_logger(__name__)


RECONNECT_SECONDS = 0.5


class Listener:
    """Calls `handlers[channel](payload)` for every notification, in one thread of its own.

    `on_beat` is called with True after every look at a working connection, at least every `beat_seconds`,
    and with False when the connection is lost. Notifications sent while it was lost are gone: whoever listens
    reads the tables again when the beat comes back.
    """

    def __init__(
        self,
        database_url: str,
        handlers: Mapping[str, Callable[[str], None]],
        on_beat: Callable[[bool], None],
        beat_seconds: float,
    ) -> None:
        self._url = driver_url(database_url)
        self._handlers = handlers
        self._on_beat = on_beat
        self._beat_seconds = beat_seconds
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
                # A beat must mean that the server answers, not only that nothing was heard. No more often than
                # that: what arrives together with the answer is only seen with the next one.
                connection.execute("SELECT 1")
                self._on_beat(True)
                for notification in connection.notifies(timeout=self._beat_seconds):
                    self._handlers[notification.channel](notification.payload)
