"""What the RPCs of notifications do, each in one transaction."""

import datetime
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.chassis.pages import Position
from services.chassis.postgres.database import Database
from services.notifications.inbox import publishing, reading
from services.notifications.inbox.publishing import Event
from services.notifications.inbox.reading import Page


@dataclass(frozen=True)
class Inbox:
    """Publishes, withdraws, lists and marks notifications. Thread-safe. `now` returns an aware datetime."""

    database: Database
    now: Callable[[], datetime.datetime]

    def publish(self, event: Event) -> None:
        """Stores an event's notifications. Idempotent. Raises IdentityUnavailableError as publishing.publish()."""
        with self.database.transaction() as connection:
            publishing.publish(connection, event, self.now())

    def withdraw(self, publisher: str, event_id: str) -> None:
        """Withdraws an event. Idempotent."""
        with self.database.transaction() as connection:
            publishing.withdraw(connection, publisher, [event_id], self.now())

    def page(self, owner_id: uuid.UUID, size: int, after: Position | None) -> Page:
        """Returns a page of the account's notifications."""
        with self.database.snapshot() as connection:
            return reading.read_page(connection, owner_id, size, after)

    def mark_read(self, owner_id: uuid.UUID, ids: Sequence[uuid.UUID] | None) -> int:
        """Marks these notifications, or all, as read, and returns the number of unread ones. Idempotent."""
        with self.database.transaction() as connection:
            reading.mark_read(connection, owner_id, ids, self.now())
            return reading.unread(connection, owner_id)
