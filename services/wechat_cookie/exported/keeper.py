"""The thread that keeps a replica's folders up to date, whoever made the change."""

import queue
import threading
import time

import structlog

from services.chassis.errors import DomainError
from services.wechat_cookie.exported.folders import Folders

_log = structlog.get_logger(__name__)

RECONCILE_SECONDS = 60.0
# With hundreds of thousands of folders a pass takes seconds; then it comes less often, for a fiftieth of the time.
LEAST_REST = 50


class FolderKeeper:
    """Syncs what notice() names, and reconciles everything at start, every minute, and after an outage."""

    def __init__(self, folders: Folders, reconcile_seconds: float = RECONCILE_SECONDS) -> None:
        self._folders = folders
        self._reconcile_seconds = reconcile_seconds
        # A token to look at; None when everything is to be looked at, or the end has come.
        self._noticed: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._deaf = False
        self._thread = threading.Thread(target=self._run, name="folder-keeper", daemon=True)

    def notice(self, token: str) -> None:
        """The cookie of this token has changed, here or at another replica. Returns at once."""
        self._noticed.put(token)

    def hears(self, connected: bool) -> None:
        """Whether changes are being announced now. Those that were not are made up for by a reconcile."""
        if connected and self._deaf:
            self._noticed.put(None)
        self._deaf = not connected

    def start(self) -> None:
        """Starts the thread; it begins with a reconcile."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after what it is doing."""
        self._stopping.set()
        self._noticed.put(None)
        self._thread.join(timeout=15)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            token = self._next(due)
            try:
                if token is not None:
                    self._folders.sync_or_log(token)
                    continue
                start = time.monotonic()
                due = start + self._reconcile_seconds
                self._folders.reconcile(self._stopping.is_set)
                due = max(due, start + (time.monotonic() - start) * LEAST_REST)
            except DomainError as error:
                _log.warning("folders_not_reconciled", reason=error.reason)
            except Exception:  # noqa: BLE001 - Whatever it was, later changes must still be followed.
                _log.exception("folder_keeper_faulted")

    def _next(self, due: float) -> str | None:
        try:
            return self._noticed.get(timeout=max(0.0, due - time.monotonic()))
        except queue.Empty:
            return None
