"""Starts, reads, watches and cancels an account's own logins. Logins of other accounts are not found."""

import datetime
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis import context
from services.chassis.identity.principals import Principal, TokenRevokedError
from services.chassis.postgres.database import Database
from services.chassis.tracing import spans
from services.wechat_cookie.cookies import owners
from services.wechat_cookie.cookies.cookie import COLUMNS as COOKIE_COLUMNS
from services.wechat_cookie.cookies.cookie import Cookie
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.logins.errors import LoginNotFoundError, TooManyLoginsError
from services.wechat_cookie.logins.rules import access, rules
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import LoginLimits
from services.wechat_cookie.logins.store.rows import COLUMNS, LoginRows
from services.wechat_cookie.logins.store.starts import LoginStarts
from services.wechat_cookie.logins.store.tables import logins
from services.wechat_cookie.logins.streams.hub import EventHub, Watcher
from services.wechat_cookie.logins.streams.watching import EventReader
from services.wechat_cookie.logins.work.metrics import LoginMeasures

RETRY_AFTER = datetime.timedelta(seconds=30)
# The interval at which a call that waits for the first QR code checks its deadline.
DEADLINE_CHECK_SECONDS = 0.5

_SHOWING_QR = frozenset({Stage.WAITING_FOR_SCAN, Stage.NO_ACCOUNT})
_FIRST_RESULT = frozenset({"qr_code", "success", "failure"})


def _visible() -> ColumnElement[bool]:
    return (
        (logins.c.id == bindparam("login_id"))
        & (logins.c.owner_id == bindparam("owner"))
        & or_(logins.c.ended_at.is_(None), logins.c.ended_at > bindparam("ended_after"))
    )


_COUNT = select(func.count()).where(logins.c.owner_id == bindparam("owner"), logins.c.ended_at.is_(None))
_VIEW = select(
    logins.c.stage,
    logins.c.message,
    logins.c.reason,
    logins.c.failed_part,
    logins.c.qr_image,
    logins.c.cookie_id,
    logins.c.last_sequence,
    logins.c.ended_at,
).where(_visible())
_FOR_UPDATE = select(*COLUMNS).where(_visible()).with_for_update()
_COOKIE = select(*COOKIE_COLUMNS).where(cookies.c.id == bindparam("cookie"))


@dataclass(frozen=True)
class LoginView:
    """The state of a login.

    `qr_image` is set while the QR code can be scanned, `cookie` after success unless it was
    deleted since, `failed_part` (see MpError) for the reason WECHAT_UNREACHABLE."""

    stage: Stage
    message: str
    reason: Reason | None
    failed_part: str | None
    qr_image: bytes | None = field(repr=False)
    cookie: Cookie | None

    @property
    def status(self) -> str:
        """ "pending", "success" or "failed"."""
        return {Stage.SUCCEEDED: "success", Stage.FAILED: "failed"}.get(self.stage, "pending")


@dataclass(frozen=True)
class Watch:
    """A client's watch of one login's events."""

    login_id: str
    last_sequence: int
    has_ended: bool
    watcher: Watcher
    reader: EventReader

    def close(self) -> None:
        """Ends events() promptly. May be called from any thread."""
        self.watcher.close()

    def events(self, after: int) -> Iterator[pb.LoginEvent]:
        """Yields the events after the sequence `after` up to the last, and heartbeats; nothing if all are known."""
        known = min(after, self.last_sequence)
        if not (self.has_ended and known == self.last_sequence):
            yield from self.reader.stream(self.login_id, known, self.watcher)

    def wait_for_qr(self, seconds: float) -> None:
        """Waits until there is a QR code, the login has ended, or `seconds` have passed."""
        until = time.monotonic() + seconds
        for event in self.reader.stream(self.login_id, 0, self.watcher, DEADLINE_CHECK_SECONDS):
            if event.WhichOneof("event") in _FIRST_RESULT or time.monotonic() >= until:
                return


class AccountLogins:
    """The logins of accounts.

    `new_key` returns unguessable login keys, `nudge` wakes the poller, and `check_access` schedules a check of an
    account's access, which may have ended during the call.
    """

    def __init__(
        self,
        database: Database,
        rows: LoginRows,
        hub: EventHub,
        reader: EventReader,
        limits: LoginLimits,
        starts: LoginStarts,
        now: Callable[[], datetime.datetime],
        new_key: Callable[[], str],
        nudge: Callable[[], None],
        check_access: Callable[[str], None],
        measures: LoginMeasures,
    ) -> None:
        self._database = database
        self._rows = rows
        self._hub = hub
        self._reader = reader
        self._limits = limits
        self._starts = starts
        self._now = now
        self._new_key = new_key
        self._nudge = nudge
        self._check_access = check_access
        self._measures = measures

    def start(self, caller: Principal) -> str:
        """Starts a login and returns its key. Not idempotent.

        Raises TooManyLoginsError or LoginStartsThrottledError, whose limits are exact for concurrent calls, or
        TokenRevokedError if the account was just deleted.
        """
        now = self._now()
        owner_id = uuid.UUID(caller.account_id)
        transition = rules.started(
            self._new_key(),
            owner_id,
            caller.email,
            now,
            self._limits,
            tokens_valid_after=caller.tokens_valid_after,
            access_until=access.account_end(caller),
            request_id=context.request_id() or None,
            traceparent=spans.traceparent(),
        )
        with self._database.transaction() as connection:
            owners.lock(connection, owner_id)
            if owners.is_deleted(connection, owner_id):
                raise TokenRevokedError
            running = connection.execute(_COUNT, {"owner": owner_id}).scalar_one()
            if running >= self._limits.most_per_account:
                raise TooManyLoginsError(retry_after=RETRY_AFTER)
            self._starts.count(connection, owner_id)
            self._rows.insert(connection, transition, now)
        self._measures.started(transition.state)
        self._check_access(caller.account_id)
        self._nudge()
        return transition.state.id

    def view(self, owner_id: uuid.UUID, login_id: str) -> LoginView:
        """Returns the state of the login. Raises LoginNotFoundError."""
        with self._database.reading() as connection:
            row = self._row(connection, owner_id, login_id)
            cookie = None
            if row.stage == Stage.SUCCEEDED:
                cookie = connection.execute(_COOKIE, {"cookie": row.cookie_id}).one_or_none()
        if row.ended_at is None:
            self._hub.mark_seen(login_id)
        stage, reason = Stage(row.stage), Reason(row.reason) if row.reason else None
        return LoginView(
            stage=stage,
            message=row.message,
            reason=reason,
            failed_part=row.failed_part if reason is Reason.WECHAT_UNREACHABLE else None,
            qr_image=row.qr_image if stage in _SHOWING_QR else None,
            cookie=None if cookie is None else Cookie(*cookie),
        )

    @contextmanager
    def watch(self, caller: Principal, login_id: str) -> Iterator[Watch]:
        """Yields a watch of the login's events. Raises LoginNotFoundError."""
        # Subscribed before the row is read, so that no event is missed in between.
        with self._hub.watching(login_id, caller) as watcher:
            with self._database.reading() as connection:
                row = self._row(connection, uuid.UUID(caller.account_id), login_id)
            self._check_access(caller.account_id)
            yield Watch(login_id, row.last_sequence, row.ended_at is not None, watcher, self._reader)

    def cancel(self, owner_id: uuid.UUID, login_id: str) -> None:
        """Cancels the login if it is still running. Idempotent. Raises LoginNotFoundError."""
        with self._database.transaction() as connection:
            row = connection.execute(_FOR_UPDATE, self._key(owner_id, login_id)).one_or_none()
            if row is None:
                raise LoginNotFoundError
            end = rules.ended(self._rows.state_of(row), Reason.CANCELLED, self._now())
            ended = self._rows.advance(connection, end, self._now()) if end is not None else None
        if ended is not None:
            self._measures.ended(ended)

    def _row(self, connection: Connection, owner_id: uuid.UUID, login_id: str) -> Any:
        row = connection.execute(_VIEW, self._key(owner_id, login_id)).one_or_none()
        if row is None:
            raise LoginNotFoundError
        return row

    def _key(self, owner_id: uuid.UUID, login_id: str) -> dict[str, object]:
        ended_after = self._now() - datetime.timedelta(seconds=self._limits.kept_seconds)
        return {"login_id": login_id, "owner": owner_id, "ended_after": ended_after}
