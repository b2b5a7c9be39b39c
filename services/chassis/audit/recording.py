"""Writes entries, in the transaction that they tell of."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert

from services.chassis import context as calls
from services.chassis.audit.tables import AuditTables

SERVICE_ACTOR = "service:"
OK = "ok"


@dataclass(frozen=True)
class Event:
    """What happened. Who did it, from where and by which request is taken from the call being answered.

    `outcome` is OK or the reason of a refusal. `details` hold no secret. `actor` and `actor_email` are given only
    where the call itself does not know them: a sign-in, a background task.
    """

    action: str
    target: str = ""
    outcome: str = OK
    details: Mapping[str, str] = field(default_factory=dict)
    actor: str | None = None
    actor_email: str | None = None


class AuditLog:
    """The writing side of one service's audit log."""

    def __init__(
        self,
        tables: AuditTables,
        now: Callable[[], datetime.datetime],
        on_record: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_record` is told of every entry, before its transaction is committed."""
        # Nobody needs the id that PostgreSQL gives the entry.
        self._insert = insert(tables.log).inline()
        self._now = now
        self._on_record = on_record

    def record(self, connection: Connection, event: Event) -> None:
        """Appends `event` in the open transaction of `connection`: it is there exactly if the transaction is."""
        call = calls.answered()
        actor, email = event.actor, event.actor_email
        if call is not None and actor is None:
            principal = call.principal
            actor = principal.account_id if principal else f"{SERVICE_ACTOR}{call.peer}"
            email = principal.email if principal else ""
        connection.execute(
            self._insert,
            {
                "time": self._now(),
                "action": event.action,
                "outcome": event.outcome,
                "actor": actor or "",
                "actor_email": email or "",
                "target": event.target,
                "client_address": call.client_address if call else "",
                "request_id": call.request_id if call else "",
                "details": dict(event.details),
            },
        )
        self._on_record()
