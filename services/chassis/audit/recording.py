"""Writes audit entries in the transaction of the change that they record."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert

from services.chassis import context as calls
from services.chassis.audit.chain import entry_mac
from services.chassis.audit.tables import AuditTables

SERVICE_ACTOR = "service:"
OK = "ok"


@dataclass(frozen=True)
class Event:
    """An event to record. The actor, the address and the request id are those of the current call.

    `outcome` is OK or the reason of a refusal. `details` must contain no secret and no e-mail: entries outlive
    accounts, so they identify them by id only. `actor` is set only if the call does not know it: a sign-in, a
    background task.
    """

    action: str
    target: str = ""
    outcome: str = OK
    details: Mapping[str, str] = field(default_factory=dict)
    actor: str | None = None


class AuditLog:
    """Appends entries to one service's audit log."""

    def __init__(
        self,
        tables: AuditTables,
        key: bytes,
        now: Callable[[], datetime.datetime],
        on_record: Callable[[], None] = lambda: None,
        actor: str = "",
    ) -> None:
        """`key` is the service's AUDIT_KEY. `on_record` is called for every entry, before it is committed.

        `actor` is that of entries which are written outside calls, unless their events have one.
        """
        # Inline, so that PostgreSQL does not return the entry's id, which is not needed.
        self._insert = insert(tables.log).inline()
        self._key = key
        self._now = now
        self._on_record = on_record
        self._actor = actor

    def record(self, connection: Connection, event: Event) -> None:
        """Appends `event` in the open transaction of `connection`. It is kept only if the transaction commits."""
        entry = self._entry(event)
        connection.execute(self._insert, {**entry, "mac": entry_mac(self._key, entry)})
        self._on_record()

    def _entry(self, event: Event) -> dict[str, object]:
        """Returns the row of `event` without its MAC, with the data of the current call."""
        call = calls.answered()
        actor = event.actor
        if call is not None and actor is None:
            principal = call.principal
            actor = principal.account_id if principal else f"{SERVICE_ACTOR}{call.peer}"
        return {
            "time": self._now(),
            "action": event.action,
            "outcome": event.outcome,
            "actor": actor or self._actor,
            # A column of earlier releases.
            "actor_email": "",
            "target": event.target,
            "client_address": call.client_address if call else "",
            "request_id": call.request_id if call else "",
            "details": dict(event.details),
        }
