"""The admins' operations on activation codes, except deletion. Each change writes an audit entry."""

import datetime
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from services.activation.codes import codes
from services.activation.codes.codes import Code
from services.activation.codes.export import Export, Exports
from services.activation.codes.generation import Generated, Generation, generate
from services.activation.codes.listing import Filter, Page, read_page
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.identity.statuses import REVOKED
from services.chassis.pages import Position
from services.chassis.postgres.database import Database


@dataclass(frozen=True)
class CodeAdministration:
    """Generates, reads and changes codes.

    Thread-safe. `now` returns an aware datetime; `random_bytes` must be unpredictable.
    """

    database: Database
    exports: Exports
    audit: AuditLog
    now: Callable[[], datetime.datetime]
    random_bytes: Callable[[int], bytes]

    def generate(self, wanted: Generation) -> Generated:
        """Generates codes, see generate(). Raises RequestIdReusedError."""
        with self.database.transaction() as connection:
            made = generate(connection, wanted, self.now(), self.random_bytes)
            if made.is_new:
                # Not the note, in which an admin may write whom the codes are for.
                details = {
                    "count": str(wanted.count),
                    "valid_days": str(wanted.valid_days),
                    "days_from": wanted.days_from,
                }
                if wanted.redeem_before is not None:
                    details["redeem_before"] = wanted.redeem_before.isoformat()
                self.audit.record(connection, Event("codes_generated", str(made.batch_id), details=details))
        return made

    def page(self, wanted: Filter, size: int, start: int | Position) -> Page:
        """See read_page()."""
        with self.database.snapshot() as connection:
            return read_page(connection, wanted, size, start, self.now())

    def export(self, wanted: Filter) -> AbstractContextManager[Export]:
        """See Exports.open()."""
        batch = "" if wanted.batch_id is None else str(wanted.batch_id)
        with self.database.transaction() as connection:
            self.audit.record(connection, Event("codes_exported", batch))
        return self.exports.open(wanted, self.now())

    def get(self, activation_code: str) -> Code:
        """Returns the code. Raises CodeNotFoundError."""
        with self.database.direct() as connection:
            return codes.get(connection, activation_code)

    def revoke(self, activation_code: str) -> Code:
        """Makes the code unredeemable; an account that redeemed it keeps its days.

        Idempotent. Raises CodeNotFoundError.
        """
        with self.database.transaction() as connection:
            revoked = codes.change(connection, activation_code, None, REVOKED, self.now())
            self.audit.record(connection, Event("code_revoked", str(revoked.id)))
        return revoked

    def change(self, activation_code: str, valid_days: int | None, status: str | None) -> Code:
        """Changes what is not None. Idempotent. Raises CodeNotFoundError, CodeBoundError."""
        with self.database.transaction() as connection:
            changed = codes.change(connection, activation_code, valid_days, status, self.now())
            details = {"valid_days": str(changed.valid_days), "status": changed.activation_status}
            self.audit.record(connection, Event("code_changed", str(changed.id), details=details))
        return changed
