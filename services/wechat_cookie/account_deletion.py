"""The cascade of a FastMP account's deletion: its cookies and its running logins."""

import datetime
import uuid
from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from services.chassis.audit.recording import SERVICE_ACTOR, AuditLog, Event
from services.chassis.identity.feed_follower import BATCH
from services.wechat_cookie.cookies import cascade
from services.wechat_cookie.logins.store.retention import LoginRetention


class AccountDeletion:
    """Deletes a deleted account's cookies and ends its logins, in the feed cursor's transaction."""

    def __init__(self, logins: LoginRetention, audit: AuditLog, now: Callable[[], datetime.datetime]) -> None:
        self._logins = logins
        self._audit = audit
        self._now = now

    def delete(self, connection: Connection, account_id: uuid.UUID) -> None:
        """Deletes the account's cookies, recorded if there are any, and ends its running logins.

        Idempotent.
        """
        # In this order: afterwards no login of the account can start or save, so all of them are found.
        deleted = cascade.delete_owner(connection, account_id, self._now())
        self._logins.end_logins_of(connection, account_id)
        if deleted:
            actor = f"{SERVICE_ACTOR}wechat_cookie"
            self._audit.record(connection, Event("cookies_of_account_deleted", str(account_id), actor=actor))

    def known_accounts(self, connection: Connection) -> Iterator[list[uuid.UUID]]:
        """Yields the ids of all accounts with cookies or logins in lists of at most BATCH, maybe with repeats."""
        yield from cascade.owners_of_cookies(connection)
        running = self._logins.owners_of_running(connection)
        for start in range(0, len(running), BATCH):
            yield running[start : start + BATCH]
