"""The check whether entries that are not sealed yet are genuine."""

import datetime
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from services.chassis.audit.chain import has_right_mac
from services.chassis.audit.tables import AuditTables

# The name of the column of is_copy().
IS_COPY = "is_copy"


def is_copy(tables: AuditTables) -> ColumnElement[bool]:
    """SQL: whether an unsealed entry has the MAC of another one that is sealed or has a lower id."""
    log, other = tables.log, tables.log.alias("other")
    is_earlier = or_(other.c.position.is_not(None), other.c.id < log.c.id)
    same = select(other.c.id).where(other.c.mac == log.c.mac, other.c.id != log.c.id, is_earlier)
    return same.exists().label(IS_COPY)


def is_genuine(key: bytes, entry: Mapping[Any, Any], kept_from: datetime.datetime) -> bool:
    """Returns whether an unsealed entry, with its column IS_COPY, may be sealed.

    One from before `kept_from` may not: it may be a copy of an entry that was pruned.
    """
    return not entry[IS_COPY] and entry["time"] >= kept_from and has_right_mac(key, entry)
