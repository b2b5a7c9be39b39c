"""Lists of accounts, newest first, by page number or by position."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, text, tuple_

from services.chassis.identity.statuses import ACTIVE, EXPIRED
from services.chassis.pages import Position
from services.identity.accounts.accounts import COLUMNS, Account
from services.identity.accounts.emails import email_key
from services.identity.tables import account_count_deltas, accounts


@dataclass(frozen=True)
class AccountFilter:
    """Filter of accounts; None does not restrict. `email` is a part of the address in any case.

    `activation_status` is the effective one: an account past its expired_time counts as "expired".
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
    """Returns at most `size` accounts after the position `after`, or from `offset`.

    Needs a transaction of one snapshot, so that a page and its total belong together.
    """
    if wanted.email:
        # The best plan depends on the selectivity of the part of an e-mail, which a generic plan does not know.
        connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    page = page_query(wanted, now, size, after, offset)
    items = [Account(*row) for row in connection.execute(page)]
    last = items[size - 1] if len(items) > size else None
    return AccountPage(
        items[:size], _total(connection, wanted, now), Position(last.created_at, last.id) if last else None
    )


def page_query(
    wanted: AccountFilter, now: datetime.datetime, size: int, after: Position | None = None, offset: int = 0
) -> Select[*tuple[Any, ...]]:
    """Returns the query for a page and one more row, which shows that the page is not the last."""
    newest = (accounts.c.created_at.desc(), accounts.c.id.desc())
    page = select(*COLUMNS).where(*_conditions(wanted, now)).order_by(*newest).limit(size + 1)
    if after is not None:
        return page.where(tuple_(accounts.c.created_at, accounts.c.id) < tuple_(after.time, after.id))
    return page.offset(offset) if offset else page


def _total(connection: Connection, wanted: AccountFilter, now: datetime.datetime) -> int:
    conditions = _conditions(wanted, now)
    if conditions:
        counted = select(func.count()).select_from(accounts).where(*conditions)
    else:
        counted = select(func.coalesce(func.sum(account_count_deltas.c.delta), 0))
    return int(connection.execute(counted).scalar_one())


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
        # Each half has an index of its own.
        return or_(stored == EXPIRED, and_(stored == ACTIVE, is_over))
    return stored == status
