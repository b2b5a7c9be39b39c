"""Changes of an account's own cookies, which are recorded and rate-limited."""

import datetime
import uuid
from collections.abc import Callable

from sqlalchemy import Connection

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import Attempts, Bucket, bucket_key
from services.wechat_cookie.cookies import changing
from services.wechat_cookie.cookies.cookie import Cookie
from services.wechat_cookie.cookies.errors import CookieChangesThrottledError

WINDOW = datetime.timedelta(hours=1)


class OwnCookies:
    """Chooses and deletes cookies, each in one transaction. Thread-safe."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        attempts: Attempts,
        most_changes: int,
        now: Callable[[], datetime.datetime],
    ) -> None:
        """An account may make `most_changes` of each kind within WINDOW, which must be the window of `attempts`."""
        self._database = database
        self._audit = audit
        self._attempts = attempts
        self._most_changes = most_changes
        self._now = now

    def choose(self, owner_id: uuid.UUID, token: str) -> Cookie:
        """Makes the cookie of this token the current one. Idempotent; counted only if it changes something.

        Raises CookieNotFoundError, CookieChangesThrottledError.
        """
        with self._database.transaction() as connection:
            chosen, is_change = changing.make_current(connection, owner_id, token, self._now())
            if is_change:
                self._record(connection, owner_id, Event("cookie_chosen", str(chosen.id)))
        return chosen

    def delete(self, owner_id: uuid.UUID, token: str) -> None:
        """Deletes the cookie of this token. Raises CookieNotFoundError, CookieChangesThrottledError."""
        with self._database.transaction() as connection:
            deleted = changing.delete_cookie(connection, owner_id, token, self._now())
            self._record(connection, owner_id, Event("cookie_deleted", str(deleted)))

    def _record(self, connection: Connection, owner_id: uuid.UUID, event: Event) -> None:
        """Counts and records a change. Raises CookieChangesThrottledError, which rolls the change back."""
        bucket = Bucket(bucket_key(event.action, str(owner_id)), self._most_changes)
        self._attempts.count_within(connection, (bucket,), CookieChangesThrottledError)
        self._audit.record(connection, event)
