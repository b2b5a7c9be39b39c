"""Writes entries, in the transaction that they tell of."""

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    bindparam,
    column,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.chassis import context as calls
from services.chassis.audit.chain import FACTS
from services.chassis.audit.tables import AuditTables

SERVICE_ACTOR = "service:"
OK = "ok"
# The parameter of a statement that appends entries.
ENTRIES = "audit_entries"

# The columns of an entry with what they hold.
Entry = Mapping[str, object]


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
        self._columns = [tables.log.c[name] for name in ("time", *FACTS)]
        self._now = now
        self._on_record = on_record

    def record(self, connection: Connection, event: Event) -> None:
        """Appends `event` in the open transaction of `connection`: it is there exactly if the transaction is."""
        connection.execute(self._insert, self.entry(event))
        self._on_record()

    def entry(self, event: Event) -> Entry:
        """The row that tells of `event`, as the call being answered: for appending() within another statement."""
        call = calls.answered()
        actor, email = event.actor, event.actor_email
        if call is not None and actor is None:
            principal = call.principal
            actor = principal.account_id if principal else f"{SERVICE_ACTOR}{call.peer}"
            email = principal.email if principal else ""
        return {
            "time": self._now(),
            "action": event.action,
            "outcome": event.outcome,
            "actor": actor or "",
            "actor_email": email or "",
            "target": event.target,
            "client_address": call.client_address if call else "",
            "request_id": call.request_id if call else "",
            "details": dict(event.details),
        }

    def appending(self, done: FromClause, target: ColumnElement[str] | None = None) -> CTE:
        """SQL that appends an entry for each row of `done`, in the statement that brings these rows about.

        The row's column `number` says which of the entries that the statement is executed with, by entries(); from
        0. `target`, where it is given, stands for theirs.
        """
        given = func.jsonb_to_recordset(bindparam(ENTRIES, type_=JSONB)).table_valued(
            column("number", Integer), *(column(one.name, one.type) for one in self._columns)
        )
        given = given.render_derived(with_types=True)
        values: dict[str, ColumnElement[Any]] = {one.name: given.c[one.name] for one in self._columns}
        if target is not None:
            values["target"] = target
        chosen = select(*values.values()).join_from(done, given, given.c.number == done.c.number)
        return self._insert.from_select(list(values), chosen).cte("told")

    def entries(self, entries: Sequence[Entry]) -> Mapping[str, str]:
        """What a statement with appending() is executed with."""
        self._on_record()
        numbered = [{"number": number, **entry} for number, entry in enumerate(entries)]
        return {ENTRIES: json.dumps(numbered, default=datetime.datetime.isoformat)}
