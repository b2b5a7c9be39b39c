"""Filters of codes, and pages of a list of codes, newest first."""

import datetime
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, func, literal, or_, select, text, tuple_

from services.activation.codes.codes import COLUMNS, Code
from services.activation.codes.iso_time import IsoTime, iso_text
from services.activation.tables import activation_codes, code_count_deltas
from services.chassis.identity import statuses
from services.chassis.pages import Position

_code = activation_codes.c
NEWEST_FIRST = (_code.create_time.desc(), _code.id.desc())


@dataclass(frozen=True)
class Filter:
    """Matches codes by their effective status, by a part of the e-mail and of the code, and by their batch.

    The part of the code is in lower-case hex digits.
    """

    status: str | None = None
    email: str | None = None
    batch_id: uuid.UUID | None = None
    code: str | None = None

    @property
    def has_text(self) -> bool:
        """Whether it looks for a part of a text, which goes by an index without an order."""
        return bool(self.email or self.code)


@dataclass(frozen=True)
class Page:
    """A page of codes.

    `total` counts all matching codes; `next` is the start of the next page, None on the last.
    """

    items: Sequence[Code]
    total: int
    next: Position | None


def conditions(wanted: Filter, now: datetime.datetime) -> list[ColumnElement[bool]]:
    """Returns the filter as SQL."""
    found = []
    if wanted.status is not None:
        found.append(has_status(wanted.status, now))
    if wanted.email:
        # Backslash is the default escape character of LIKE.
        pattern = re.sub(r"([\\%_])", r"\\\1", wanted.email)
        found.append(_code.user_email.ilike(f"%{pattern}%"))
    if wanted.code:
        found.append(_code.activation_code.like(f"%{wanted.code}%"))
    if wanted.batch_id is not None:
        found.append(_code.batch_id == wanted.batch_id)
    return found


def read_page(
    connection: Connection, wanted: Filter, size: int, start: int | Position, now: datetime.datetime
) -> Page:
    """Returns at most `size` codes: after `start` if it is a position, otherwise from offset `start`.

    Needs a transaction of one snapshot, so that items and total agree.
    """
    if wanted.has_text:
        # The best plan depends on the selectivity of the part of a text, which a generic plan does not know.
        connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    codes = [Code(*row) for row in connection.execute(page_query(wanted, size, start, now))]
    items = codes[:size]
    position = Position(items[-1].create_time, items[-1].id) if len(codes) > size else None
    return Page(items, count_matching(connection, wanted, now), position)


def page_query(wanted: Filter, size: int, start: int | Position, now: datetime.datetime) -> Select[Any]:
    """Returns the query for a page and one more row, which shows that the page is not the last."""
    page = select(*COLUMNS).where(*conditions(wanted, now)).order_by(*NEWEST_FIRST).limit(size + 1)
    if isinstance(start, Position):
        last = tuple_(literal(start.time, IsoTime), literal(start.id))
        return page.where(tuple_(_code.create_time, _code.id) < last)
    return page.offset(start)


def has_expired(now: datetime.datetime) -> ColumnElement[bool]:
    """Returns SQL for whether a code that is stored as active or pending reads as expired at `now`."""
    return or_(is_over(now), is_too_late(now))


def is_too_late(now: datetime.datetime) -> ColumnElement[bool]:
    """Returns SQL for whether a pending code can no longer be redeemed at `now`."""
    return and_(_code.activation_status == statuses.PENDING, _code.redeem_before <= _moment(now))


def is_over(now: datetime.datetime) -> ColumnElement[bool]:
    """Returns SQL for whether the days of an active code have ended at `now`."""
    return and_(_code.activation_status == statuses.ACTIVE, _code.expiry_date <= _moment(now))


def has_status(status: str, now: datetime.datetime) -> ColumnElement[bool]:
    """Returns SQL for whether a code has the effective status at `now`."""
    stored = _code.activation_status == status
    match status:
        case statuses.ACTIVE:
            return and_(stored, or_(_code.expiry_date > _moment(now), _code.expiry_date.is_(None)))
        case statuses.PENDING:
            return and_(stored, is_in_time(now))
        case statuses.EXPIRED:
            return or_(stored, has_expired(now))
        case _:
            return stored


def is_in_time(now: datetime.datetime) -> ColumnElement[bool]:
    """Returns SQL for whether `now` is before the code's redeem_before, if it has one."""
    return or_(_code.redeem_before.is_(None), _code.redeem_before > _moment(now))


def _moment(now: datetime.datetime) -> ColumnElement[str]:
    # Converted to text here, because column types do not convert parameters of the export's COPY.
    return literal(iso_text(now), Text)


def count_matching(connection: Connection, wanted: Filter, now: datetime.datetime) -> int:
    """Returns the number of matching codes."""
    matching = conditions(wanted, now)
    if matching:
        counted = select(func.count()).select_from(activation_codes).where(*matching)
    else:
        counted = select(func.coalesce(func.sum(code_count_deltas.c.delta), 0))
    return int(connection.execute(counted).scalar_one())
