"""The accounts that the account feed has reported, and whose data here was deleted."""

import datetime
import uuid
from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import ARRAY, Connection, Uuid, any_, bindparam, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.identity.feed_follower import BATCH
from services.notifications.tables import account_days

_row = account_days.c
_ADMINS = select(_row.account_id).where(_row.is_admin).order_by(_row.account_id)
_new = insert(account_days).from_select(
    ["account_id", "changed_sequence"],
    select(
        func.unnest(bindparam("ids", type_=ARRAY(Uuid))),
        bindparam("sequence", type_=_row.changed_sequence.type),
    ),
)
_CHANGED = _new.on_conflict_do_update(
    index_elements=[_row.account_id],
    set_={"changed_sequence": func.greatest(_row.changed_sequence, _new.excluded.changed_sequence)},
)
_SEEN = _new.on_conflict_do_nothing()
_EXISTING = (
    select(_row.account_id)
    .where(_row.account_id == any_(bindparam("ids", type_=ARRAY(Uuid))), _row.deleted_time.is_(None))
    .order_by(_row.account_id)
    .with_for_update(read=True)
)
_BEFORE_ALL = uuid.UUID(int=0)
# A list of this many accounts is changed by one statement.
_AT_ONCE = 1000


def changed(connection: Connection, account_ids: Collection[uuid.UUID], sequence: int) -> None:
    """Records that the accounts have changed by the feed's `sequence`. Idempotent."""
    # Sorted, so that replicas that record the same accounts do not deadlock.
    ids = sorted(account_ids)
    for start in range(0, len(ids), _AT_ONCE):
        connection.execute(_CHANGED, {"ids": ids[start : start + _AT_ONCE], "sequence": sequence})


def existing(connection: Connection, account_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Returns the accounts without those that were deleted, and keeps them from being deleted until the end.

    One that the feed has not reported yet counts as existing until Identity says otherwise. Needs a transaction.
    """
    ids = sorted(account_ids)
    connection.execute(_SEEN, {"ids": ids, "sequence": 0})
    return list(connection.execute(_EXISTING, {"ids": ids}).scalars())


def admins(connection: Connection) -> list[uuid.UUID]:
    """Returns the admins."""
    return list(connection.execute(_ADMINS).scalars())


def mark_deleted(connection: Connection, account_id: uuid.UUID, now: datetime.datetime) -> None:
    """Records that the account is deleted: from now on existing() does not return it. Idempotent."""
    gone = {
        "is_admin": False,
        "expired_time": None,
        "notice_time": None,
        "known_sequence": _row.changed_sequence,
    }
    statement = insert(account_days).values(
        account_id=account_id, changed_sequence=0, known_sequence=0, deleted_time=now
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_row.account_id],
            set_={**gone, "deleted_time": func.coalesce(_row.deleted_time, statement.excluded.deleted_time)},
        )
    )


def all_changed(connection: Connection, sequence: int) -> None:
    """Makes every account unknown, so that Identity is asked about all of them."""
    connection.execute(
        update(account_days)
        .where(_row.deleted_time.is_(None))
        .values(changed_sequence=literal(sequence), known_sequence=-1)
    )


def known(connection: Connection) -> Iterator[list[uuid.UUID]]:
    """Yields the ids of all accounts that are not deleted, in lists of at most BATCH."""
    after = _BEFORE_ALL
    query = (
        select(_row.account_id)
        .where(_row.account_id > bindparam("after"), _row.deleted_time.is_(None))
        .order_by(_row.account_id)
        .limit(BATCH)
    )
    while batch := list(connection.execute(query, {"after": after}).scalars()):
        yield batch
        after = batch[-1]


def prune(connection: Connection, before: datetime.datetime) -> int:
    """Deletes the rows of accounts that were deleted before `before`. Returns their number."""
    return connection.execute(delete(account_days).where(_row.deleted_time < before)).rowcount
