"""Hands cookies with their values to internal programs, and records each hand-out."""

import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection, insert, select

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.identity.principals import Principal
from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.wechat_cookie.cookies.cookie import COLUMNS, Cookie
from services.wechat_cookie.cookies.errors import (
    CookieNotFoundError,
    CookieUnusableError,
    OwnerNotActiveError,
)
from services.wechat_cookie.cookies.tables import acquisitions, cookies
from services.wechat_cookie.mp.cookies import MpCookies


@dataclass(frozen=True)
class Acquirer:
    """The caller: the name in its certificate, the request's id, and its address."""

    caller: str
    request_id: str
    client_address: str


@dataclass(frozen=True)
class Acquisition:
    """A hand-out. `jar` has the values, which are secrets."""

    id: uuid.UUID
    cookie: Cookie
    jar: MpCookies = field(repr=False)


class Accounts(Protocol):
    """The calls to Identity that handing out needs."""

    def principals(self, account_ids: Sequence[str]) -> Mapping[str, Principal]:
        """Returns those of the accounts that exist, by id. Raises IdentityUnavailableError."""
        ...

    def principal_with_email(self, email: str) -> Principal | None:
        """Returns the account with this e-mail. Raises IdentityUnavailableError."""
        ...


class HandingOut:
    """Checks whether a cookie may be used, records the hand-out, and returns the cookie with its values."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        accounts: Accounts,
        audit: AuditLog,
        now: Callable[[], datetime.datetime],
        new_id: Callable[[], uuid.UUID],
    ) -> None:
        self._database = database
        self._vault = vault
        self._accounts = accounts
        self._audit = audit
        self._now = now
        self._new_id = new_id

    def acquire(
        self,
        acquirer: Acquirer,
        *,
        owner_id: uuid.UUID | None = None,
        owner_email: str | None = None,
        token: str | None = None,
    ) -> Acquisition:
        """Hands out the owner's cookie of this token, the current one without a token.

        Takes exactly one of `owner_id` and `owner_email`. The record is committed before the values are returned.
        Raises CookieNotFoundError, OwnerNotActiveError, CookieUnusableError, IdentityUnavailableError.
        """
        # Identity is called without an open transaction.
        owner_id, owner = self._owner(owner_id, owner_email)
        with self._database.reading() as connection:
            _find(connection, owner_id, token, self._now())
        if owner is None or not owner.has_access(self._now()):
            raise OwnerNotActiveError
        with self._database.transaction() as connection:
            return self._hand_out(connection, owner_id, token, acquirer)

    def _owner(self, owner_id: uuid.UUID | None, email: str | None) -> tuple[uuid.UUID, Principal | None]:
        if owner_id is not None:
            return owner_id, self._accounts.principals([str(owner_id)]).get(str(owner_id))
        # The e-mail in a cookie's row is only for display: the owner is determined by id.
        owner = self._accounts.principal_with_email(email or "")
        if owner is None:
            raise CookieNotFoundError
        return uuid.UUID(owner.account_id), owner

    def _hand_out(
        self, connection: Connection, owner_id: uuid.UUID, token: str | None, acquirer: Acquirer
    ) -> Acquisition:
        now = self._now()
        cookie = _find(connection, owner_id, token, now)
        health = cookie.health_at(now)
        if health != "ok":
            raise CookieUnusableError(health, cookie.cooling_until)
        encrypted = connection.execute(select(cookies.c.jar).where(cookies.c.id == cookie.id)).scalar()
        if encrypted is None:
            raise CookieNotFoundError
        jar = MpCookies.from_json(self._vault.decrypt(encrypted))
        acquisition = Acquisition(self._new_id(), cookie, jar)
        connection.execute(insert(acquisitions), _record(acquisition, acquirer, now))
        details = {"acquisition_id": str(acquisition.id), "owner_id": str(cookie.owner_id)}
        self._audit.record(connection, Event("cookie_acquired", str(cookie.id), details=details))
        return acquisition


def _find(connection: Connection, owner_id: uuid.UUID, token: str | None, now: datetime.datetime) -> Cookie:
    which = cookies.c.is_current if token is None else cookies.c.token == token
    statement = select(*COLUMNS).where(cookies.c.owner_id == owner_id, which, cookies.c.expire_time > now)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise CookieNotFoundError
    return Cookie(*row)


def _record(acquisition: Acquisition, acquirer: Acquirer, now: datetime.datetime) -> dict[str, object]:
    return {
        "id": acquisition.id,
        "cookie_id": acquisition.cookie.id,
        "token": acquisition.cookie.token,
        "owner_id": acquisition.cookie.owner_id,
        "owner_email": acquisition.cookie.owner_email,
        "caller": acquirer.caller,
        "request_id": acquirer.request_id,
        "client_address": acquirer.client_address,
        "acquired_time": now,
    }
