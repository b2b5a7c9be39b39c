"""Hands cookies with their values to internal programs, and records each hand-out."""

import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, func, insert, select

from services.chassis.audit.recording import AuditLog, Event
from services.chassis.identity.principals import ADMIN_ROLE, Principal
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
        """Those of the accounts that exist, by id. Raises IdentityUnavailableError."""
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
        with self._database.reading() as connection:
            owner_id = _find(connection, wanted, self._now()).owner_id
        # Asked with no transaction open: Identity may take its time.
        self._check_active(owner_id)
        with self._database.transaction() as connection:
            return self._hand_out(connection, Wanted(owner_id=owner_id, token=wanted.token), acquirer)

    def _check_active(self, owner_id: uuid.UUID) -> None:
        owner = self._accounts.principals([str(owner_id)]).get(str(owner_id))
        if owner is None:
            raise OwnerNotActiveError
        if owner.role != ADMIN_ROLE and owner.effective_status(self._now()) != "active":
            raise OwnerNotActiveError

    def _hand_out(self, connection: Connection, wanted: Wanted, acquirer: Acquirer) -> Acquisition:
        now = self._now()
        cookie = _find(connection, wanted, now)
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


def _find(connection: Connection, wanted: Wanted, now: datetime.datetime) -> Cookie:
    which = cookies.c.is_current if wanted.token is None else cookies.c.token == wanted.token
    statement = (
        select(*COLUMNS)
        .where(_owned_by(wanted), which, cookies.c.expire_time > now)
        # An e-mail may for a moment be that of a deleted account and of the one that came after it.
        .order_by(cookies.c.created_time.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise CookieNotFoundError
    return cookie_of(row)


def _owned_by(wanted: Wanted) -> ColumnElement[bool]:
    if wanted.owner_id is not None:
        return cookies.c.owner_id == wanted.owner_id
    return func.lower(cookies.c.owner_email) == func.lower(wanted.owner_email)


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
