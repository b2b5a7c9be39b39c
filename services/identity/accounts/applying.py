"""The statement that gives accounts the days of their codes: one or several, with audit entries and feed."""

import datetime
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import (
    ARRAY,
    DateTime,
    Select,
    Text,
    Uuid,
    bindparam,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.postgres.database import Database, DirectConnection
from services.chassis.postgres.direct_statements import DirectStatement
from services.identity.accounts.accounts import AccountNotFoundError
from services.identity.accounts.activations import (
    ACTIVE,
    ActivationAppliedElsewhereError,
    ActivationClearedError,
    Applied,
)
from services.identity.feed import changes
from services.identity.tables import account_activations, accounts

_memory = account_activations.c
_RECALL = DirectStatement(
    select(_memory.account_id, _memory.expired_time, _memory.cleared_at, accounts.c.email)
    .select_from(account_activations.outerjoin(accounts, accounts.c.id == _memory.account_id))
    .where(_memory.activation_code == bindparam("code"))
)


@dataclass(frozen=True)
class Application:
    """A code (32 lower-case hex digits) whose days, which end at `expired_time`, an account is to have."""

    account_id: uuid.UUID
    activation_code: str = field(repr=False)
    expired_time: datetime.datetime
    # Of the call in which the code was redeemed.
    request_id: str


class Applying:
    """Applies codes. Thread-safe. `on_committed` is told account and feed sequence of each change at once.

    Every statement here locks an account before it remembers the code, and rows of a kind in one order: so those
    who apply wait for each other, but never in a circle.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime.datetime],
        audit: AuditLog,
        on_committed: Callable[[str, int], None],
    ) -> None:
        self._database = database
        self._now = now
        self._audit = audit
        self._on_committed = on_committed
        self._waiting = DirectStatement(_applying(audit, skip_locked=False))
        self._passing = DirectStatement(_applying(audit, skip_locked=True))

    def apply(self, wanted: Application) -> Applied:
        """Applies one code.

        Idempotent by code: a repeat changes nothing and gives the first answer. Raises AccountNotFoundError,
        ActivationClearedError, ActivationAppliedElsewhereError.
        """
        with self._database.direct() as connection:
            [applied] = self._run(connection, self._waiting, [wanted])
            return applied or _recall(connection, wanted)

    def apply_at_once(self, wanted: Sequence[Application]) -> list[Applied | None]:
        """Applies those that nobody stands in the way of; None for the others, of which apply() tells more."""
        with self._database.direct() as connection:
            return self._run(connection, self._passing, wanted)

    def _run(
        self, connection: DirectConnection, statement: DirectStatement, wanted: Sequence[Application]
    ) -> list[Applied | None]:
        values = {
            "codes": [one.activation_code for one in wanted],
            "accounts": [one.account_id for one in wanted],
            "ends": [one.expired_time for one in wanted],
            "now": self._now(),
            **self._audit.entries([self._entry(one) for one in wanted]),
        }
        applied: list[Applied | None] = [None] * len(wanted)
        changes = statement.rows(connection, values)
        for number, email, _, _, _ in changes:
            applied[number] = Applied(email, wanted[number].expired_time)
        for _, _, account_id, sequence, _ in changes:
            self._on_committed(str(account_id), sequence)
        return applied

    def _entry(self, one: Application) -> dict[str, object]:
        until = {"expired_time": one.expired_time.isoformat()}
        event = Event("activation_applied", str(one.account_id), details=until)
        return {**self._audit.entry(event), "request_id": one.request_id}


def _applying(audit: AuditLog, *, skip_locked: bool) -> Select[int, str, uuid.UUID, int, None]:
    now = bindparam("now", type_=DateTime(timezone=True))
    wanted = (
        func.unnest(
            bindparam("codes", type_=ARRAY(Text)),
            bindparam("accounts", type_=ARRAY(Uuid)),
            bindparam("ends", type_=ARRAY(DateTime(timezone=True))),
        )
        .table_valued("code", "account", "expired_time", with_ordinality="place")
        .render_derived(name="wanted")
    )
    known = (
        select(accounts.c.id, wanted.c.code, wanted.c.expired_time, wanted.c.place)
        .join_from(wanted, accounts, accounts.c.id == wanted.c.account)
        .order_by(accounts.c.id)
        .with_for_update(of=accounts, skip_locked=skip_locked)
        .cte("known")
    )
    # An account takes one code in a statement; another one of the same account is for the next.
    first = select(known).ext(distinct_on(known.c.id)).order_by(known.c.id, known.c.place).cte("first")
    remembered = (
        insert(account_activations)
        .from_select(
            ["activation_code", "account_id", "expired_time", "applied_at"],
            select(first.c.code, first.c.id, first.c.expired_time, now).order_by(first.c.code),
        )
        .on_conflict_do_nothing(index_elements=[_memory.activation_code])
        .returning(_memory.activation_code, _memory.account_id, _memory.expired_time)
        .cte("remembered")
    )
    changed = (
        update(accounts)
        .where(accounts.c.id == remembered.c.account_id, first.c.id == remembered.c.account_id)
        .values(
            activation_code=remembered.c.activation_code,
            activation_status=ACTIVE,
            expired_time=remembered.c.expired_time,
            updated_at=now,
        )
        .returning((first.c.place - 1).label("number"), accounts.c.email, accounts.c.id.label("account_id"))
        .cte("changed")
    )
    fed = changes.appending(changed, literal(changes.CHANGED, Text), now)
    told = audit.appending(changed)
    return (
        select(
            changed.c.number,
            changed.c.email,
            changed.c.account_id,
            fed.c.sequence,
            changes.notice(fed),
        )
        .join_from(changed, fed, fed.c.account_id == changed.c.account_id)
        .add_cte(told)
    )


def _recall(connection: DirectConnection, wanted: Application) -> Applied:
    known = _RECALL.row(connection, {"code": wanted.activation_code})
    if known is None:
        # Nothing else keeps a code from being remembered.
        raise AccountNotFoundError
    account_id, expired_time, cleared_at, email = known
    if cleared_at is not None:
        raise ActivationClearedError
    if account_id != wanted.account_id:
        raise ActivationAppliedElsewhereError
    if email is None:
        raise AccountNotFoundError
    return Applied(email, expired_time)
