"""The admins' operations on batches of codes."""

import datetime
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.activation.codes import batches
from services.activation.codes.batches import CountedBatch
from services.chassis.audit.actors import Emails, known_emails
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.pages import Position
from services.chassis.postgres.database import Database


@dataclass(frozen=True)
class BatchAdministration:
    """Lists and revokes batches. Thread-safe.

    `now` returns an aware datetime; `emails` looks up the admins' e-mails.
    """

    database: Database
    audit: AuditLog
    now: Callable[[], datetime.datetime]
    emails: Emails

    def page(self, size: int, after: Position | None) -> tuple[Sequence[CountedBatch], Position | None]:
        """See read_batches(). The batches have the e-mail of their admin."""
        with self.database.snapshot() as connection:
            found, following = batches.read_batches(connection, size, after, self.now())
        return self._with_emails(found), following

    def revoke(self, batch_id: uuid.UUID) -> CountedBatch:
        """Revokes the batch's codes that can be redeemed. Idempotent. Raises BatchNotFoundError."""
        with self.database.transaction() as connection:
            counted, revoked = batches.revoke(connection, batch_id, self.now())
            if revoked:
                details = {"count": str(revoked)}
                self.audit.record(connection, Event("batch_revoked", str(batch_id), details=details))
        return self._with_emails([counted])[0]

    def _with_emails(self, found: Sequence[CountedBatch]) -> list[CountedBatch]:
        emails = known_emails({str(one.batch.admin_account_id) for one in found}, self.emails)
        return [replace(one, created_by=emails.get(str(one.batch.admin_account_id), "")) for one in found]
