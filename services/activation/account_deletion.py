"""Deletes the codes that deleted accounts have redeemed."""

import uuid

from sqlalchemy import Connection

from services.activation.codes import deletion
from services.chassis.audit.recording import SERVICE_ACTOR, AuditLog, Event


class AccountDeletion:
    """Deletes a deleted account's codes, in the feed cursor's transaction."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    def delete(self, connection: Connection, account_id: uuid.UUID) -> None:
        """Deletes the account's codes. Idempotent: a repeat writes no audit entry."""
        if deletion.remove_of_account(connection, account_id):
            actor = f"{SERVICE_ACTOR}activation"
            self._audit.record(connection, Event("codes_of_account_deleted", str(account_id), actor=actor))
