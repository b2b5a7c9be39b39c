"""A background loop that keeps a replica's exported folders as the database is."""

import queue
import time

from services.chassis.background_loop import BackgroundLoop
from services.wechat_cookie.exported.folders import Folders

RECONCILE_SECONDS = 60.0
# With hundreds of thousands of folders a pass takes seconds; then it comes less often, for a fiftieth of the time.
LEAST_REST = 50


class FolderKeeper:
    """Syncs what notice() names, and reconciles everything at start, every minute, and after an outage."""

    def __init__(self, folders: Folders, reconcile_seconds: float = RECONCILE_SECONDS) -> None:
        self._folders = folders
        self._reconcile_seconds = reconcile_seconds
        # A token to sync; None for a reconcile or, when the loop is stopping, for nothing.
        self._noticed: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._deaf = False
        self._due = 0.0
        self._loop = BackgroundLoop(
            "folder-keeper", self._step, 0.0, interrupt=lambda: self._noticed.put(None)
        )

    def notice(self, token: str) -> None:
        """Has the folder of this token synced. Does not block."""
        self._noticed.put(token)

    def hears(self, connected: bool) -> None:
        """Tells whether notifications arrive. After a time without them everything is reconciled."""
        if connected and self._deaf:
            self._noticed.put(None)
        self._deaf = not connected

    def start(self) -> None:
        """Starts the thread; it begins with a reconcile."""
        self._loop.start()

    def stop(self) -> None:
        """Ends the thread after the folder that it is writing."""
        self._loop.stop()

    def _step(self) -> None:
        token = self._next()
        if self._loop.is_stopping:
            return
        due, self._due = self._due, 0.0  # Whatever fails here is followed by a reconcile.
        if token is not None:
            self._folders.sync_or_log(token)
            self._due = due
            return
        start = time.monotonic()
        self._folders.reconcile(lambda: self._loop.is_stopping)
        self._due = max(start + self._reconcile_seconds, start + (time.monotonic() - start) * LEAST_REST)

    def _next(self) -> str | None:
        try:
            return self._noticed.get(timeout=max(0.0, self._due - time.monotonic()))
        except queue.Empty:
            return None
