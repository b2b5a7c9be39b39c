"""The queue of sessions of deleted cookies to log out at WeChat, as rows that survive a crash."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, text, update

from services.chassis.jobs.metrics import MOST_COUNTED, QueueSample
from services.wechat_cookie.cookies.tables import cookies, pending_logouts

MOST_ATTEMPTS = 5
# After 45 seconds, 3, 12 and 48 minutes: five attempts take about an hour.
_RETRY = text("interval '45 seconds' * power(4, least(attempts, 3))")


@dataclass(frozen=True)
class PendingLogout:
    """A session to log out.

    `id` is the deleted cookie's, `jar` its encrypted cookies; `attempts` includes this one.
    """

    id: uuid.UUID
    token: str = field(repr=False)
    jar: bytes = field(repr=False)
    attempts: int


def deletion_with_logout(*which: ColumnElement[bool]) -> Any:
    """Returns a statement that deletes cookies and inserts their logouts. It returns each cookie's id and token."""
    deleted = (
        delete(cookies).where(*which).returning(cookies.c.id, cookies.c.token, cookies.c.jar).cte("gone")
    )
    entered = insert(pending_logouts).from_select(["id", "token", "jar"], select(deleted))
    return entered.returning(pending_logouts.c.id, pending_logouts.c.token)


_DUE = (
    select(pending_logouts.c.id)
    .where(pending_logouts.c.due_time <= func.now(), pending_logouts.c.attempts < MOST_ATTEMPTS)
    .order_by(pending_logouts.c.due_time)
    .limit(1)
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = (
    update(pending_logouts)
    .where(pending_logouts.c.id == _DUE.c.id)
    .values(attempts=pending_logouts.c.attempts + 1, due_time=func.now() + _RETRY)
    .returning(
        pending_logouts.c.id, pending_logouts.c.token, pending_logouts.c.jar, pending_logouts.c.attempts
    )
)
_COUNTED = (
    select(pending_logouts.c.created_time)
    .order_by(pending_logouts.c.due_time)
    .limit(MOST_COUNTED)
    .subquery("counted")
)
_WAITING = select(func.count(), func.extract("epoch", func.now() - func.min(_COUNTED.c.created_time)))
_REMOVE = delete(pending_logouts).where(pending_logouts.c.id == bindparam("logout"))
# Rows of replicas that died during the last attempt.
_EXHAUSTED = (
    delete(pending_logouts)
    .where(pending_logouts.c.due_time <= func.now(), pending_logouts.c.attempts >= MOST_ATTEMPTS)
    .returning(pending_logouts.c.id)
)


def claim(connection: Connection) -> PendingLogout | None:
    """Claims a due logout, or returns None. Unless the attempt removes it, it becomes due again later."""
    row = connection.execute(_CLAIM).one_or_none()
    return None if row is None else PendingLogout(*row)


def waiting(connection: Connection) -> QueueSample:
    """Returns the pending logouts, up to MOST_COUNTED of the oldest. They are few: each ends within an hour."""
    number, oldest_seconds = connection.execute(_WAITING).one()
    return QueueSample({"todo": number}, max(0.0, float(oldest_seconds or 0)))


def remove(connection: Connection, logout_id: uuid.UUID) -> None:
    """Deletes the logout. Idempotent."""
    connection.execute(_REMOVE, {"logout": logout_id})


def remove_exhausted(connection: Connection) -> list[uuid.UUID]:
    """Deletes the logouts whose last attempt was interrupted, and returns their ids."""
    return list(connection.execute(_EXHAUSTED).scalars())
