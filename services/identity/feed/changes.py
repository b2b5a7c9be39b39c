"""The durable feed of account changes: what happened, in order, without gaps.

A change takes its sequence by updating a counter row whose lock is held until the commit is visible. So the change
with the next number cannot be seen, nor even made, before this one is, and a rolled-back change uses no number up.
A sequence of PostgreSQL's own promises neither.
"""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import psycopg
from sqlalchemy import (
    Connection,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    true,
    update,
)

from services.chassis.errors import DomainError
from services.identity.tables import account_changes, account_feed

CHANGED = "changed"
DELETED = "deleted"
# Each commit of changes notifies the listeners on it.
CHANNEL = "account_changes"
# How many changes one statement reads or removes.
BATCH = 500


@dataclass(eq=False)
class FeedPrunedError(DomainError):
    """Changes that were asked for are no longer kept, or were never made here."""

    code = grpc.StatusCode.OUT_OF_RANGE
    reason = "FEED_PRUNED"
    message: str = "变更记录已不再保留，请重新同步"


@dataclass(frozen=True)
class Change:
    """One change of one account; `kind` is CHANGED or DELETED."""

    sequence: int
    account_id: uuid.UUID
    kind: str
    time: datetime.datetime


@dataclass(frozen=True)
class FeedExtent:
    """The sequence of the last change, and the last of those that are no longer kept."""

    head: int
    pruned_up_to: int


# One statement, so that the counter's lock is held for no more than a round trip and the commit.
_number = (
    update(account_feed)
    .values(sequence=account_feed.c.sequence + 1)
    .returning(account_feed.c.sequence)
    .cte("number")
)
_new = account_changes.c
_APPEND = (
    insert(account_changes)
    .from_select(
        ["sequence", "account_id", "kind", "time"],
        select(
            _number.c.sequence,
            bindparam("account_id", type_=_new.account_id.type),
            bindparam("kind", type_=_new.kind.type),
            bindparam("time", type_=_new.time.type),
        ),
    )
    .returning(_new.sequence, func.pg_notify(CHANNEL, cast(_new.sequence, Text)))
)
_later = (
    select(account_changes)
    .where(account_changes.c.sequence > bindparam("after"))
    .order_by(account_changes.c.sequence)
    .limit(bindparam("at_most"))
    .subquery("later")
)
_READ = select(
    account_feed.c.sequence.label("head"),
    account_feed.c.pruned_up_to,
    _later.c.sequence,
    _later.c.account_id,
    _later.c.kind,
    _later.c.time,
).select_from(account_feed.outerjoin(_later, true()))
_OLDEST = (
    select(account_changes.c.sequence, account_changes.c.time)
    .order_by(account_changes.c.sequence)
    .limit(BATCH)
)
_EXTENT = select(account_feed.c.sequence, account_feed.c.pruned_up_to)


def append(connection: Connection, account_id: uuid.UUID, kind: str, time: datetime.datetime) -> int:
    """Writes one change in the open transaction, which should then commit immediately; gives its sequence."""
    values = {"account_id": account_id, "kind": kind, "time": time}
    return int(connection.execute(_APPEND, values).scalar_one())


def extent(connection: Connection) -> FeedExtent:
    """From where to where the feed goes at the moment."""
    row = connection.execute(_EXTENT).one()
    return FeedExtent(row.sequence, row.pruned_up_to)


def head(connection: "psycopg.Connection[Any]") -> int | None:
    """The sequence of the last change, as cheaply as it can be had: this is asked all the time."""
    row = connection.execute("SELECT sequence FROM account_feed").fetchone()
    return None if row is None else int(row[0])


def changes_after(connection: Connection, sequence: int, at_most: int = BATCH) -> Sequence[Change]:
    """The next changes after `sequence`, all of one moment; fewer than `at_most` are all there are.

    Raises FeedPrunedError when some are no longer kept, or when the feed has not come as far as `sequence`:
    then it is not the feed that the sequence is from (a restored backup), and what follows it is unknown.
    """
    rows = connection.execute(_READ, {"after": sequence, "at_most": at_most}).all()
    if not rows[0].pruned_up_to <= sequence <= rows[0].head:
        raise FeedPrunedError
    return [
        Change(row.sequence, row.account_id, row.kind, row.time) for row in rows if row.sequence is not None
    ]


def prune(connection: Connection, before: datetime.datetime) -> int:
    """Removes the oldest changes that happened before `before`, at most `BATCH`; gives how many those were.

    What is kept stays without gaps. Several replicas may run it concurrently.
    """
    old = []
    for row in connection.execute(_OLDEST):
        if row.time >= before:
            break
        old.append(row.sequence)
    if old:
        connection.execute(delete(account_changes).where(account_changes.c.sequence <= old[-1]))
        # Last, as in every transaction that takes this row's lock.
        column = account_feed.c.pruned_up_to
        connection.execute(update(account_feed).where(column < old[-1]).values(pruned_up_to=old[-1]))
    return len(old)
