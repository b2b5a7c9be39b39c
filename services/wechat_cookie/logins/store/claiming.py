"""Claims of steps of logins by replicas, each in one statement."""

import datetime
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ARRAY, Connection, Row, Text, TextClause, bindparam, func, select, true, update

from services.chassis.postgres.database import DirectConnection
from services.chassis.postgres.direct_statements import DirectStatement
from services.wechat_cookie.logins.rules.state import LoginState
from services.wechat_cookie.logins.store.rows import COLUMNS, LoginRows
from services.wechat_cookie.logins.store.tables import IS_ACT, IS_POLL, logins


def _due(kind: TextClause) -> Any:
    # A CTE, because the planner may execute a subquery more than once and lock more rows than the limit.
    return (
        select(logins.c.id)
        .where(kind, logins.c.next_poll_at <= bindparam("now"))
        .where(logins.c.id != func.all(bindparam("busy", type_=ARRAY(Text))))
        .order_by(logins.c.next_poll_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("due")
    )


def _claim(kind: TextClause) -> Any:
    due = _due(kind)
    later: Any = bindparam("now") + func.make_interval(0, 0, 0, 0, 0, 0, logins.c.claim_seconds)
    return update(logins).where(logins.c.id == due.c.id).values(next_poll_at=later)


_CLAIM_POLLS = _claim(IS_POLL).returning(logins.c.id, logins.c.version)
_CLAIM_ACTS = (
    _claim(IS_ACT)
    .values(
        version=logins.c.version + 1,
        attempt=logins.c.attempt + 1,
        # In flight means that a replica started this step and did not finish it within the lease.
        doubtful=logins.c.doubtful | logins.c.in_flight,
        in_flight=true(),
    )
    .returning(*COLUMNS)
)
_NEXT_POLL = DirectStatement(select(func.min(logins.c.next_poll_at)).where(IS_POLL))
_NEXT_ACT = DirectStatement(select(func.min(logins.c.next_poll_at)).where(IS_ACT))


def claim_polls(
    connection: Connection, now: datetime.datetime, most: int, busy: Collection[str]
) -> Sequence[Row[Any]]:
    """Claims at most `most` logins that are due for a poll, except `busy` ones. Returns `id` and `version` of
    each. Each is due again after its interval, whether or not this poll succeeds."""
    return connection.execute(_CLAIM_POLLS, {"now": now, "most": most, "busy": list(busy)}).all()


def claim_acts(
    connection: Connection, rows: LoginRows, now: datetime.datetime, most: int
) -> list[LoginState]:
    """Claims at most `most` logins whose next step changes something at WeChat.

    Each gets a new version, so a replica that started the step before can no longer write, and a lease, so that
    one replica makes the exchange. `doubtful` is true if a replica began the step and did not finish it.
    """
    claimed = connection.execute(_CLAIM_ACTS, {"now": now, "most": most, "busy": []})
    return [rows.state_of(row) for row in claimed]


def next_poll(connection: Connection | DirectConnection) -> datetime.datetime | None:
    """Returns when the next login is due for a poll, or None if there is none."""
    return _time(connection, _NEXT_POLL)


def next_act(connection: Connection | DirectConnection) -> datetime.datetime | None:
    """Returns when the next login is due for another step, or None if there is none."""
    return _time(connection, _NEXT_ACT)


def _time(connection: Connection | DirectConnection, read: DirectStatement) -> datetime.datetime | None:
    row = read.row(connection, {})
    return None if row is None else row[0]
