"""The cascade of a FastMP account's deletion: its channels, notifications and deliveries."""

import datetime
import uuid
from collections.abc import Callable

from sqlalchemy import Connection, delete

from services.chassis.audit.recording import SERVICE_ACTOR, AuditLog, Event
from services.notifications.inbox import accounts
from services.notifications.tables import channels, notifications


class AccountDeletion:
    """Deletes a deleted account's data, in the feed cursor's transaction."""

    def __init__(self, audit: AuditLog, now: Callable[[], datetime.datetime]) -> None:
        self._audit = audit
        self._now = now

    def delete(self, connection: Connection, account_id: uuid.UUID) -> None:
        """Deletes the account's channels and notifications, recorded if there are any. Idempotent."""
        # First, so that from here on no other transaction stores something of the account.
        accounts.mark_deleted(connection, account_id, self._now())
        deleted = connection.execute(delete(channels).where(channels.c.owner_id == account_id)).rowcount
        owned = delete(notifications).where(notifications.c.owner_id == account_id)
        deleted += connection.execute(owned).rowcount
        if deleted:
            actor = f"{SERVICE_ACTOR}notifications"
            event = Event("notifications_of_account_deleted", str(account_id), actor=actor)
            self._audit.record(connection, event)
