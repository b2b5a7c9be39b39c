"""A background loop that keeps a replica's exported folders equal to the database."""

import queue
import time

from services.chassis.background_loop import BackgroundLoop
from services.wechat_cookie.exported.folders import Folders

RECONCILE_SECONDS = 60.0
# With hundreds of thousands of folders a reconcile takes seconds. It then runs less often, at most 1/50 of the
# time.
LEAST_PAUSE_FACTOR = 50


class FolderKeeper:
    """Syncs tokens passed to notice(), and reconciles everything at start, every minute, and after an outage."""

    def __init__(self, folders: Folders, reconcile_seconds: float = RECONCILE_SECONDS) -> None:
        self._folders = folders
        self._reconcile_seconds = reconcile_seconds
        # A token to sync; None for a reconcile or, when the loop is stopping, for nothing.
        self._noticed: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        # Until the first notification can be received, some may be lost.
        self._is_disconnected = True
        self._due = 0.0
        self._loop = BackgroundLoop(
            "folder-keeper", self._step, 0.0, interrupt=lambda: self._noticed.put(None)
        )

    def notice(self, token: str) -> None:
        """Schedules a sync of this token's folder. Does not block."""
        self._noticed.put(token)

    def set_connected(self, connected: bool) -> None:
        """Sets whether notifications are received. After each connection everything is reconciled."""
        if connected and self._is_disconnected:
            self._noticed.put(None)
        self._is_disconnected = not connected

    def start(self) -> None:
        """Starts the thread, which begins with a reconcile."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread after the folder that it is writing."""
        self._loop.stop()

    def _step(self) -> None:
        token = self._next()
        if self._loop.is_stopping:
            return
        due, self._due = self._due, 0.0  # After any failure here, a reconcile is due.
        if token is not None:
            self._folders.sync_or_log(token)
            self._due = due
            return
        start = time.monotonic()
        self._folders.reconcile(lambda: self._loop.is_stopping)
        self._due = max(
            start + self._reconcile_seconds, start + (time.monotonic() - start) * LEAST_PAUSE_FACTOR
        )

    def _next(self) -> str | None:
        try:
            return self._noticed.get(timeout=max(0.0, self._due - time.monotonic()))
        except queue.Empty:
            return None
