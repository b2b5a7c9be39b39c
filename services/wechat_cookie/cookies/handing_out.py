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
from services.wechat_cookie.cookies.cookie import COLUMNS, Cookie, cookie_of
from services.wechat_cookie.cookies.errors import (
    CookieNotFoundError,
    CookieUnusableError,
    OwnerNotActiveError,
)
from services.wechat_cookie.cookies.tables import acquisitions, cookies
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.vault import Vault


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose cookie: exactly one of `owner_id` and `owner_email`; and which, the current one without a `token`."""

    owner_id: uuid.UUID | None = None
    owner_email: str | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Acquirer:
    """Who asks: the name in the certificate, the request's id, and the address that it came from."""

    caller: str
    request_id: str
    client_address: str


@dataclass(frozen=True, slots=True)
class Acquisition:
    """A hand-out. `jar` holds the values: secrets."""

    id: uuid.UUID
    cookie: Cookie
    jar: MpCookies = field(repr=False)


class Accounts(Protocol):
    """Identity, as far as it is asked here."""

    def principals(self, account_ids: Sequence[str]) -> Mapping[str, Principal]:
        """Returns those of the accounts that exist, by id. Raises IdentityUnavailableError."""
        ...

    def principal_with_email(self, email: str) -> Principal | None:
        """Returns the account with this e-mail. Raises IdentityUnavailableError."""
        ...


class HandingOut:
    """Decides whether a cookie may be worked with, records that it was handed out, and hands it out."""

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

    def acquire(self, wanted: Wanted, acquirer: Acquirer) -> Acquisition:
        """Hands out the cookie that is `wanted`. The record is committed before the values are given.

        Raises CookieNotFoundError, OwnerNotActiveError, CookieUnusableError, IdentityUnavailableError.
        """
        # Identity is asked with no transaction open.
        owner_id, owner = self._owner(wanted)
        with self._database.reading() as connection:
            _find(connection, owner_id, wanted.token, self._now())
        if owner is None or not owner.has_access(self._now()):
            raise OwnerNotActiveError
        with self._database.transaction() as connection:
            return self._hand_out(connection, owner_id, wanted.token, acquirer)

    def _owner(self, wanted: Wanted) -> tuple[uuid.UUID, Principal | None]:
        if wanted.owner_id is not None:
            return wanted.owner_id, self._accounts.principals([str(wanted.owner_id)]).get(
                str(wanted.owner_id)
            )
        # The e-mail beside a cookie is a copy for people to read: who owns the cookie is decided by id alone.
        owner = self._accounts.principal_with_email(wanted.owner_email or "")
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
        told = {"acquisition_id": str(acquisition.id), "owner_id": str(cookie.owner_id)}
        self._audit.record(connection, Event("cookie_acquired", str(cookie.id), details=told))
        return acquisition


def _find(connection: Connection, owner_id: uuid.UUID, token: str | None, now: datetime.datetime) -> Cookie:
    which = cookies.c.is_current if token is None else cookies.c.token == token
    statement = select(*COLUMNS).where(cookies.c.owner_id == owner_id, which, cookies.c.expire_time > now)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise CookieNotFoundError
    return cookie_of(row)


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
