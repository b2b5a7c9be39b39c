"""Ends and deletes logins without requests to WeChat: by deadline, abandonment, age, or account deletion.

Abandonment: a client that hung up may come back with its login_key, so hanging up ends nothing. But a thousand
abandoned attempts must not be polled for a quarter of an hour each. So a login that has not been watched or
polled by a client for `abandoned_seconds` ends, unless its QR code has been scanned. Then it continues to
the end, because the user may have closed the page that showed the QR code. The last use is written in
one statement for all logins of a replica at a time (LoginUpkeep), so it is exact to within that interval.
"""

import datetime
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import ARRAY, Connection, Select, Uuid, bindparam, delete, exists, func, select, update

from services.chassis.identity.principals import Principal
from services.chassis.postgres.database import DirectConnection
from services.chassis.postgres.direct_statements import DirectStatement
from services.wechat_cookie.cookies.owners import lock
from services.wechat_cookie.logins.rules import access, rules
from services.wechat_cookie.logins.rules.stages import Reason
from services.wechat_cookie.logins.rules.state import LoginLimits, LoginState, Step
from services.wechat_cookie.logins.rules.transition import Transition
from services.wechat_cookie.logins.store.rows import COLUMNS, LoginRows
from services.wechat_cookie.logins.store.tables import logins

# In one transaction, so that it stays short.
BATCH = 100

_RUNNING = select(*COLUMNS).where(logins.c.ended_at.is_(None))
_OVERDUE = (
    select(*COLUMNS)
    .where(logins.c.deadline_at.is_not(None), logins.c.deadline_at <= bindparam("now"))
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
# A login whose cookie is saved continues to its end; see rules.access.
_ACCESS_MATTERS = (
    logins.c.access_until.is_not(None),
    logins.c.ended_at.is_(None),
    logins.c.step != Step.DESCRIBE.value,
)
_ACCESS_ENDED = (
    select(*COLUMNS)
    .where(*_ACCESS_MATTERS, logins.c.access_until <= bindparam("now"))
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_NEXT_DEADLINE = DirectStatement(
    select(
        func.least(
            select(func.min(logins.c.deadline_at)).scalar_subquery(),
            select(func.min(logins.c.access_until)).where(*_ACCESS_MATTERS).scalar_subquery(),
        )
    )
)
_UNSEEN = (
    _RUNNING.where(logins.c.last_seen_at < bindparam("seen_before"))
    .where(logins.c.stage.in_([stage.value for stage in rules.ABANDONABLE]))
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_OF_OWNERS = _RUNNING.where(logins.c.owner_id == func.any(bindparam("owners", type_=ARRAY(Uuid))))
_OF_OWNER = _RUNNING.where(logins.c.owner_id == bindparam("owner")).with_for_update()
_SEEN = (
    update(logins)
    .where(logins.c.id == func.any(bindparam("ids")), logins.c.ended_at.is_(None))
    .values(last_seen_at=bindparam("now"))
)
_REMOVE = delete(logins).where(logins.c.ended_at.is_not(None), logins.c.ended_at < bindparam("ended_before"))
_ANY_RUNNING = DirectStatement(select(exists().where(logins.c.ended_at.is_(None))))
_OWNERS = select(logins.c.owner_id).where(logins.c.ended_at.is_(None)).distinct()


class LoginRetention:
    """The rules above, on connections with an open transaction."""

    def __init__(self, rows: LoginRows, limits: LoginLimits, now: Callable[[], datetime.datetime]) -> None:
        self._rows = rows
        self._limits = limits
        self._now = now

    def seconds_to_deadline(self, connection: Connection | DirectConnection) -> float | None:
        """Returns the seconds until the next deadline, negative if it is past, or None if there is none."""
        row = _NEXT_DEADLINE.row(connection, {})
        deadline: datetime.datetime | None = row[0] if row is not None else None
        return None if deadline is None else (deadline - self._now()).total_seconds()

    def end_overdue(self, connection: Connection) -> list[LoginState]:
        """Ends logins after their deadline or the end of their account's access, at most BATCH each.

        Returns them.
        """
        now = self._now()
        overdue = self._end(connection, _OVERDUE, {"now": now}, lambda login: rules.overdue(login, now))
        without_access = self._end(
            connection, _ACCESS_ENDED, {"now": now}, lambda login: access.ended_by_time(login, now)
        )
        return [*overdue, *without_access]

    def end_abandoned(self, connection: Connection) -> list[LoginState]:
        """Ends at most BATCH abandoned logins and returns them."""
        now = self._now()
        values = {"seen_before": now - datetime.timedelta(seconds=self._limits.abandoned_seconds)}
        return self._end(connection, _UNSEEN, values, lambda login: rules.abandoned(login, now))

    def end_logins_of(self, connection: Connection, owner_id: uuid.UUID) -> None:
        """Ends the running logins of a deleted account with ACCESS_ENDED; they are deleted as all ended
        ones are. The owner must be locked and in deleted_owners, so that no login can start."""
        now = self._now()
        self._end(
            connection,
            _OF_OWNER,
            {"owner": owner_id},
            lambda login: rules.ended(login, Reason.ACCESS_ENDED, now),
        )

    def owners_affected(
        self, connection: Connection, owners: Mapping[uuid.UUID, Principal | None]
    ) -> set[uuid.UUID]:
        """Returns those of the accounts whose running logins need a change."""
        now = self._now()
        states = [
            self._rows.state_of(row) for row in connection.execute(_OF_OWNERS, {"owners": list(owners)})
        ]
        return {
            state.owner_id
            for state in states
            if access.account_changed(state, owners[state.owner_id], now) is not None
        }

    def account_changed(
        self, connection: Connection, account_id: uuid.UUID, owner: Principal | None
    ) -> list[LoginState]:
        """Ends the account's running logins that it may no longer have, adapts the others, and returns all written.

        `owner` is the account as it is now, None when it is deleted. Idempotent.
        """
        # Serialises with saving a session, which happens before, or finds its login ended.
        lock(connection, account_id)
        now = self._now()
        return self._end(
            connection,
            _OF_OWNER,
            {"owner": account_id},
            lambda login: access.account_changed(login, owner, now),
        )

    def owners_of_running(self, connection: Connection) -> list[uuid.UUID]:
        """Returns the accounts that have running logins."""
        return list(connection.execute(_OWNERS).scalars())

    def is_any_running(self, connection: Connection | DirectConnection) -> bool:
        """Returns whether any login is running."""
        return _ANY_RUNNING.row(connection, {}) == (True,)

    def mark_seen(self, connection: Connection, ids: Collection[str]) -> None:
        """Records that clients have used these logins now."""
        connection.execute(_SEEN, {"ids": list(ids), "now": self._now()})

    def remove_old(self, connection: Connection) -> int:
        """Deletes logins that ended `kept_seconds` ago and their events, and returns the number of logins."""
        before = self._now() - datetime.timedelta(seconds=self._limits.kept_seconds)
        return connection.execute(_REMOVE, {"ended_before": before}).rowcount

    def _end(
        self,
        connection: Connection,
        which: Select[Any],
        values: Mapping[str, object],
        end: Callable[[LoginState], Transition | None],
    ) -> list[LoginState]:
        found = [self._rows.state_of(row) for row in connection.execute(which, values).all()]
        ends = [transition for login in found if (transition := end(login)) is not None]
        return [
            written
            for transition in ends
            if (written := self._rows.advance(connection, transition, self._now())) is not None
        ]
