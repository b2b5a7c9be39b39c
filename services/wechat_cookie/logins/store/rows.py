"""Reads and writes logins and their events, with optimistic locking by version."""

import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from services.chassis.vault import UnreadableSecretError, Vault
from services.wechat_cookie.cookies import owners, saving
from services.wechat_cookie.cookies.cookie import Cookie
from services.wechat_cookie.logins.messages import to_message
from services.wechat_cookie.logins.rules.events import QrShown, Succeeded
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.logins.rules.state import LoginState, Step, logged_id
from services.wechat_cookie.logins.rules.transition import Transition
from services.wechat_cookie.logins.store.tables import login_events, logins
from services.wechat_cookie.mp.cookies import InvalidCookiesError, MpCookies

_log = structlog.get_logger(__name__)

# The channel that wakes the watchers of the login in the payload on every replica.
CHANNEL = "login_events"

_FIELDS = tuple(field.name for field in fields(LoginState))
COLUMNS = tuple(logins.c[name] for name in _FIELDS)
_BY_IDS = select(*COLUMNS).where(logins.c.id == func.any(bindparam("ids")))
_NOTIFY = select(func.pg_notify(CHANNEL, bindparam("login_id")))


class LoginRows:
    """Reads and writes logins on the caller's connections. `new_id` generates the ids of cookies."""

    def __init__(self, vault: Vault, new_id: Callable[[], uuid.UUID]) -> None:
        self._vault = vault
        self._new_id = new_id

    def read(self, connection: Connection, ids: Sequence[str]) -> list[LoginState]:
        """Returns the logins with these ids in any order, without those that do not exist."""
        return [self.state_of(row) for row in connection.execute(_BY_IDS, {"ids": list(ids)})]

    def state_of(self, row: Row[Any]) -> LoginState:
        """Returns the login in a row of COLUMNS."""
        values = dict(row._mapping)
        values["stage"] = Stage(values["stage"])
        values["step"] = Step(values["step"]) if values["step"] else None
        values["reason"] = Reason(values["reason"]) if values["reason"] else None
        values["cookies"] = self._opened(values["id"], values["cookies"])
        return LoginState(**values)

    def insert(self, connection: Connection, transition: Transition, now: datetime.datetime) -> None:
        """Writes a new login, in the open transaction."""
        values = self._values(transition.state)
        connection.execute(insert(logins), {**values, "last_seen_at": now})
        self._write_events(connection, transition, now, None)

    def advance(
        self, connection: Connection, transition: Transition, now: datetime.datetime
    ) -> LoginState | None:
        """Writes `transition` over the version before it, in the open transaction: the login, its events
        and its cookie. Returns the login as written, or None if the stored version differs; then nothing is
        written.

        Raises OwnedByAnotherAccountError or OwnerDeletedError for a session that cannot be saved; the caller
        rolls back.
        """
        state = transition.state
        if transition.session is not None:
            # Before the login's row, in the same order as the deletion of an account.
            owners.lock(connection, state.owner_id)
        values = self._values(state)
        cookie_id = self._new_id() if transition.session is not None else state.cookie_id
        values["cookie_id"] = cookie_id
        values.update(_picture(transition))
        guarded = update(logins).where(logins.c.id == state.id, logins.c.version == state.version - 1)
        if connection.execute(guarded.values(values)).rowcount != 1:
            return None
        cookie = self._keep_cookie(connection, transition, cookie_id, now)
        self._write_events(connection, transition, now, cookie)
        return replace(state, cookie_id=cookie_id)

    def _keep_cookie(
        self,
        connection: Connection,
        transition: Transition,
        cookie_id: uuid.UUID | None,
        now: datetime.datetime,
    ) -> Cookie | None:
        session, state = transition.session, transition.state
        if cookie_id is None:
            return None
        if session is not None:
            new = saving.NewCookie(
                id=cookie_id,
                token=session.token,
                owner_id=state.owner_id,
                owner_email=state.owner_email,
                original_id=session.cookies.original_id,
                jar=session.cookies,
                created_time=now,
            )
            return saving.save(connection, self._vault, new)
        if not any(isinstance(event, Succeeded) for event in transition.events):
            return None
        description = transition.description
        if description is None:
            return saving.complete(connection, cookie_id, "", "", None)
        profile = description.profile
        return saving.complete(
            connection, cookie_id, profile.name, profile.avatar_url or "", description.avatar
        )

    def _write_events(
        self, connection: Connection, transition: Transition, now: datetime.datetime, cookie: Cookie | None
    ) -> None:
        state, events = transition.state, transition.events
        if not events:
            return
        first = state.last_sequence - len(events) + 1
        messages = [
            to_message(event, state.id, sequence, now, cookie) for sequence, event in enumerate(events, first)
        ]
        rows = [
            {
                "login_id": state.id,
                "sequence": message.sequence,
                "time": now,
                "kind": message.WhichOneof("event"),
                "message": message.SerializeToString(),
            }
            for message in messages
        ]
        connection.execute(insert(login_events), rows)
        connection.execute(_NOTIFY, {"login_id": state.id})

    def _values(self, state: LoginState) -> dict[str, Any]:
        values = {name: getattr(state, name) for name in _FIELDS}
        values["cookies"] = (
            None if state.step is None else self._vault.encrypt(state.cookies.to_json().encode())
        )
        return values

    def _opened(self, login_id: str, encrypted: bytes | None) -> MpCookies:
        if encrypted is None:
            return MpCookies()
        try:
            return MpCookies.from_json(self._vault.decrypt(encrypted))
        except (UnreadableSecretError, InvalidCookiesError):
            # Without them WeChat does not know the login, and its answer ends it.
            _log.error("login_cookies_unreadable", login=logged_id(login_id))
            return MpCookies()


def _picture(transition: Transition) -> Mapping[str, bytes | None]:
    if transition.state.step is None:
        return {"qr_image": None}
    for event in transition.events:
        if isinstance(event, QrShown):
            return {"qr_image": event.image.content}
    return {}
