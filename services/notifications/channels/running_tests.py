"""Limits the tests of channels that run at the same time, each of which occupies a thread of the server."""

import contextlib
import threading
import uuid
from collections.abc import Iterator

from services.notifications.channels.errors import ChannelTestsThrottledError

MOST = 8


class RunningTests:
    """The tests that are running in this replica: at most MOST, and one of an account. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owners: set[uuid.UUID] = set()

    @contextlib.contextmanager
    def of(self, owner_id: uuid.UUID) -> Iterator[None]:
        """Runs the block as a test of the account. Raises ChannelTestsThrottledError if there are too many."""
        with self._lock:
            if owner_id in self._owners or len(self._owners) >= MOST:
                raise ChannelTestsThrottledError
            self._owners.add(owner_id)
        try:
            yield
        finally:
            with self._lock:
                self._owners.discard(owner_id)
