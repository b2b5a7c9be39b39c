"""The table of account changes, numbered in the order of their commits and without gaps.

A change gets its sequence by updating a counter row, whose lock is held until the commit. So the change with the
next number cannot be visible before this one, and a rolled-back change uses no number. A PostgreSQL sequence
guarantees neither.
"""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
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
from services.chassis.language import Localized
from services.identity.tables import account_changes, account_feed

CHANGED = "changed"
DELETED = "deleted"
# The channel on which each commit of changes notifies listeners.
CHANNEL = "account_changes"
# How many changes one statement reads or removes.
BATCH = 500


class FeedPrunedError(DomainError):
    """The changes requested are no longer kept, or belong to another feed."""

    code = grpc.StatusCode.OUT_OF_RANGE
    reason = "FEED_PRUNED"
    message = Localized(
        "变更记录已不再保留，请重新同步",
        "These changes are no longer kept; synchronise again",
    )


@dataclass(frozen=True)
class Change:
    """One change of one account; `kind` is CHANGED or DELETED."""

    sequence: int
    account_id: uuid.UUID
    kind: str
    time: datetime.datetime


# A single statement, so that the counter's lock is held only for a round trip and the commit.
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
_HEAD = select(account_feed.c.sequence)


def append(connection: Connection, account_id: uuid.UUID, kind: str, time: datetime.datetime) -> int:
    """Inserts one change and returns its sequence. The transaction should commit immediately afterwards."""
    values = {"account_id": account_id, "kind": kind, "time": time}
    return int(connection.execute(_APPEND, values).scalar_one())


def head(connection: Connection) -> int:
    """Returns the sequence of the last change."""
    return int(connection.execute(_HEAD).scalar_one())


def changes_after(connection: Connection, sequence: int, at_most: int = BATCH) -> Sequence[Change]:
    """Returns the next changes after `sequence` in one snapshot.

    If they are fewer than `at_most`, there are no more.

    Raises FeedPrunedError if some are no longer kept, or if `sequence` is greater than the last one: then it
    belongs to another feed, for example from before a backup was restored, and the changes after it are unknown.
    """
    rows = connection.execute(_READ, {"after": sequence, "at_most": at_most}).all()
    if not rows[0].pruned_up_to <= sequence <= rows[0].head:
        raise FeedPrunedError
    return [
        Change(row.sequence, row.account_id, row.kind, row.time) for row in rows if row.sequence is not None
    ]


def prune(connection: Connection, before: datetime.datetime) -> int:
    """Deletes the oldest changes from before `before`, at most `BATCH`, and returns their number.

    The remaining changes have no gaps. Several replicas may run it concurrently.
    """
    old = []
    for row in connection.execute(_OLDEST):
        if row.time >= before:
            break
        old.append(row.sequence)
    if old:
        connection.execute(delete(account_changes).where(account_changes.c.sequence <= old[-1]))
        # Last, as in every transaction that locks this row.
        column = account_feed.c.pruned_up_to
        connection.execute(update(account_feed).where(column < old[-1]).values(pruned_up_to=old[-1]))
    return len(old)
