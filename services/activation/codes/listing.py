"""Which codes a filter means, and the pages of a list of them, newest first."""

import datetime
import re
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
    """Codes whose status, as it reads now, and whose e-mail, of which `email` is a part, match."""

    status: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class Page:
    """`total` counts all matching codes; `next` is where the following page begins, None on the last one."""

    items: Sequence[Code]
    total: int
    next: Position | None


def conditions(wanted: Filter, now: datetime.datetime) -> list[ColumnElement[bool]]:
    """The filter as SQL."""
    found = []
    if wanted.status is not None:
        found.append(_has_status(wanted.status, now))
    if wanted.email:
        # Backslash is what LIKE escapes with by itself.
        pattern = re.sub(r"([\\%_])", r"\\\1", wanted.email)
        found.append(_code.user_email.ilike(f"%{pattern}%"))
    return found


def read_page(
    connection: Connection, wanted: Filter, size: int, start: int | Position, now: datetime.datetime
) -> Page:
    """At most `size` codes: after `start` where it is a position, otherwise without the first `start` ones.

    Needs a transaction of one snapshot, so that items and total agree.
    """
    if wanted.email:
        # How rare the part of an e-mail is decides about the plan, and a plan made for any part cannot know it.
        connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    codes = [Code(*row) for row in connection.execute(page_query(wanted, size, start, now))]
    items = codes[:size]
    position = Position(items[-1].create_time, items[-1].id) if len(codes) > size else None
    return Page(items, count_matching(connection, wanted, now), position)


def page_query(wanted: Filter, size: int, start: int | Position, now: datetime.datetime) -> Select[Any]:
    """The rows of a page and the one after it, which says that the page is not the last."""
    page = select(*COLUMNS).where(*conditions(wanted, now)).order_by(*NEWEST_FIRST).limit(size + 1)
    if isinstance(start, Position):
        last = tuple_(literal(start.time, IsoTime), literal(start.id))
        return page.where(tuple_(_code.create_time, _code.id) < last)
    return page.offset(start)


def has_expired(now: datetime.datetime) -> ColumnElement[bool]:
    """Whether an active code's days are over at `now`, as SQL."""
    return and_(_code.activation_status == statuses.ACTIVE, _code.expiry_date <= _moment(now))


def _has_status(status: str, now: datetime.datetime) -> ColumnElement[bool]:
    stored = _code.activation_status == status
    match status:
        case statuses.ACTIVE:
            return and_(stored, or_(_code.expiry_date > _moment(now), _code.expiry_date.is_(None)))
        case statuses.EXPIRED:
            return or_(stored, has_expired(now))
        case _:
            return stored


def _moment(now: datetime.datetime) -> ColumnElement[str]:
    # Already a text, because the export's COPY takes parameters that no column type has converted.
    return literal(iso_text(now), Text)


def count_matching(connection: Connection, wanted: Filter, now: datetime.datetime) -> int:
    """How many codes match."""
    matching = conditions(wanted, now)
    if matching:
        counted = select(func.count()).select_from(activation_codes).where(*matching)
    else:
        counted = select(func.coalesce(func.sum(code_count_deltas.c.delta), 0))
    return int(connection.execute(counted).scalar_one())
