"""Lists of accounts, newest first, by page number or from a position on."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, tuple_

from services.chassis.pages import Position
from services.identity.accounts import COLUMNS, Account, account_of
from services.identity.emails import email_key
from services.identity.tables import accounts

ACTIVE = "active"
EXPIRED = "expired"


@dataclass(frozen=True)
class AccountFilter:
    """Which accounts to list; None does not restrict. `email` is a part of the address in any case.

    `activation_status` is the effective one: whoever is past the expired_time counts as "expired".
    """

    email: str | None = None
    role: str | None = None
    activation_status: str | None = None


@dataclass(frozen=True)
class AccountPage:
    """A page of accounts. `total` counts all that match; `next_position` is None on the last page."""

    items: Sequence[Account]
    total: int
    next_position: Position | None


def list_accounts(
    connection: Connection,
    wanted: AccountFilter,
    now: datetime.datetime,
    size: int,
    after: Position | None = None,
    offset: int = 0,
) -> AccountPage:
    """At most `size` accounts after the position `after`, or from number `offset` on.

    A page and its total belong together if `connection` is a snapshot.
    """
    page = page_query(wanted, now, size, after, offset)
    items = [account_of(row) for row in connection.execute(page)]
    count = select(func.count()).select_from(accounts).where(*_conditions(wanted, now))
    total = connection.execute(count).scalar_one()
    last = items[size - 1] if len(items) > size else None
    return AccountPage(items[:size], total, Position(last.created_at, last.id) if last else None)


def page_query(
    wanted: AccountFilter, now: datetime.datetime, size: int, after: Position | None = None, offset: int = 0
) -> Select[*tuple[Any, ...]]:
    """The rows of a page and the one after it, which says that the page is not the last."""
    newest = (accounts.c.created_at.desc(), accounts.c.id.desc())
    page = select(*COLUMNS).where(*_conditions(wanted, now)).order_by(*newest).limit(size + 1)
    if after is not None:
        return page.where(tuple_(accounts.c.created_at, accounts.c.id) < tuple_(after.time, after.id))
    return page.offset(offset) if offset else page


def _conditions(wanted: AccountFilter, now: datetime.datetime) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.email:
        conditions.append(accounts.c.email_key.contains(email_key(wanted.email), autoescape=True))
    if wanted.role is not None:
        conditions.append(accounts.c.role == wanted.role)
    if wanted.activation_status is not None:
        conditions.append(_has_status(wanted.activation_status, now))
    return conditions


def _has_status(status: str, now: datetime.datetime) -> ColumnElement[bool]:
    stored = accounts.c.activation_status
    is_over = accounts.c.expired_time <= now
    if status == ACTIVE:
        return and_(stored == ACTIVE, or_(accounts.c.expired_time.is_(None), ~is_over))
    if status == EXPIRED:
        # The first condition follows from the second and lets the index find the rows.
        return and_(stored.in_([ACTIVE, EXPIRED]), or_(stored == EXPIRED, is_over))
    return stored == status
