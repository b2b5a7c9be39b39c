"""Writes audit entries, in the transaction that does what they record."""

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
from services.chassis.audit.chain import FACTS, entry_mac
from services.chassis.audit.tables import AuditTables

SERVICE_ACTOR = "service:"
OK = "ok"
# The parameter of a statement that appends entries.
ENTRIES = "audit_entries"

# The columns of an entry with what they hold.
Entry = Mapping[str, object]


@dataclass(frozen=True)
class Event:
    """What happened. The actor, the address and the request id are those of the call being answered.

    `outcome` is OK or the reason of a refusal. `details` hold no secret and no e-mail: entries outlive accounts, so
    they name them by id only. `actor` is given only where the call does not know it: a sign-in, a background task.
    """

    action: str
    target: str = ""
    outcome: str = OK
    details: Mapping[str, str] = field(default_factory=dict)
    actor: str | None = None


class AuditLog:
    """The writing side of one service's audit log."""

    def __init__(
        self,
        tables: AuditTables,
        key: bytes,
        now: Callable[[], datetime.datetime],
        on_record: Callable[[], None] = lambda: None,
    ) -> None:
        """`key` is the service's AUDIT_KEY. `on_record` is called for every entry, before it is committed."""
        # Without the id that PostgreSQL gives the entry, which has no use here.
        self._insert = insert(tables.log).inline()
        self._columns = [tables.log.c[name] for name in ("time", *FACTS, "mac")]
        self._key = key
        self._now = now
        self._on_record = on_record

    def record(self, connection: Connection, event: Event) -> None:
        """Appends `event` in the open transaction of `connection`: it is there exactly if the transaction is."""
        self.append(connection, self.entry(event))

    def append(self, connection: Connection, entry: Entry) -> None:
        """Appends an entry made by entry()."""
        connection.execute(self._insert, self._signed(entry))
        self._on_record()

    def entry(self, event: Event) -> Entry:
        """The row that tells of `event`, as the call being answered: for appending() within another statement."""
        call = calls.answered()
        actor = event.actor
        if call is not None and actor is None:
            principal = call.principal
            actor = principal.account_id if principal else f"{SERVICE_ACTOR}{call.peer}"
        return {
            "time": self._now(),
            "action": event.action,
            "outcome": event.outcome,
            "actor": actor or "",
            # A column of the releases before.
            "actor_email": "",
            "target": event.target,
            "client_address": call.client_address if call else "",
            "request_id": call.request_id if call else "",
            "details": dict(event.details),
        }

    def appending(self, done: FromClause) -> CTE:
        """SQL that appends an entry for each row of `done`, in the statement that brings these rows about.

        The row's column `number` says which of the entries that the statement is executed with, by entries(); from
        0.
        """
        given = func.jsonb_to_recordset(bindparam(ENTRIES, type_=JSONB)).table_valued(
            column("number", Integer), *(column(one.name, one.type) for one in self._columns)
        )
        given = given.render_derived(with_types=True)
        values: dict[str, ColumnElement[Any]] = {one.name: given.c[one.name] for one in self._columns}
        chosen = select(*values.values()).join_from(done, given, given.c.number == done.c.number)
        return self._insert.from_select(list(values), chosen).cte("told")

    def entries(self, entries: Sequence[Entry]) -> Mapping[str, str]:
        """What a statement with appending() is executed with."""
        self._on_record()
        numbered = [{"number": number, **self._signed(entry)} for number, entry in enumerate(entries)]
        return {ENTRIES: json.dumps(numbered, default=_json)}

    def _signed(self, entry: Entry) -> Entry:
        return {**entry, "mac": entry_mac(self._key, entry)}


def _json(value: datetime.datetime | bytes) -> str:
    # PostgreSQL reads a bytea as text like this.
    return value.isoformat() if isinstance(value, datetime.datetime) else rf"\x{value.hex()}"
