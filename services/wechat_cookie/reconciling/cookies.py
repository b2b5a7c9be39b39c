"""Reads the owners of cookies for services.reconcile, and deletes cookies of owners that are gone.

Running logins of such owners end when the service starts, as it checks the accounts of all of them.
"""

import datetime
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.importing.deleted import deleted_since
from services.chassis.reconciling.deletions import BATCH, every_deleted
from services.wechat_cookie.audit_tables import audit
from services.wechat_cookie.cookies import cascade
from services.wechat_cookie.cookies.tables import cookies, deleted_owners, feed_cursor

_ACCOUNT_DELETED = "cookies_of_account_deleted"
_owner = deleted_owners.c.owner_id


@dataclass(frozen=True)
class CookiesPart:
    """The cookies in one open transaction."""

    connection: Connection
    audit: AuditLog
    now: Callable[[], datetime.datetime]

    def deleted_accounts(self) -> Iterator[list[uuid.UUID]]:
        """Yields the accounts that were deleted, maybe with repeats, in lists of at most BATCH."""
        yield from every_deleted(self.connection, audit, _ACCOUNT_DELETED)
        page = select(_owner).order_by(_owner).limit(BATCH)
        found = self.connection.execute(page).scalars().all()
        while found:
            yield list(found)
            found = self.connection.execute(page.where(_owner > found[-1])).scalars().all()

    def deleted(self, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Returns those of the accounts that were deleted."""
        recent = select(_owner).where(_owner.in_(list(ids)))
        known = deleted_since(self.connection, audit, _ACCOUNT_DELETED, ids)
        return known.union(self.connection.execute(recent).scalars())

    def owners(self) -> Iterator[Mapping[uuid.UUID, str]]:
        """Yields the accounts that own cookies, with an e-mail each, at most BATCH at a time."""
        column = cookies.c
        page = (
            # An account has one e-mail.
            select(column.owner_id, func.max(column.owner_email).label("owner_email"))
            .group_by(column.owner_id)
            .order_by(column.owner_id)
            .limit(BATCH)
        )
        found = {row.owner_id: row.owner_email for row in self.connection.execute(page)}
        while found:
            yield found
            rows = self.connection.execute(page.where(column.owner_id > max(found)))
            found = {row.owner_id: row.owner_email for row in rows}

    def delete_of(self, account_id: uuid.UUID) -> None:
        """Deletes the cookies of an account that is gone; they are logged out at WeChat by the service."""
        if cascade.delete_owner(self.connection, account_id, self.now()):
            self.audit.record(self.connection, Event(_ACCOUNT_DELETED, str(account_id)))

    def cursor(self) -> int:
        """Returns the position up to which Identity's feed was followed."""
        return int(self.connection.execute(select(feed_cursor.c.sequence)).scalar_one())

    def follow_from(self, sequence: int) -> None:
        """Sets the position after which Identity's feed will be followed."""
        self.connection.execute(update(feed_cursor).values(sequence=sequence))
