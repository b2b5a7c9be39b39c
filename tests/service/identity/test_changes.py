"""The account feed in the database: no gaps, in order, under many writers; and what is left after pruning."""

import datetime
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from services.chassis.audit.recording import AuditLog
from services.chassis.postgres.database import Database
from services.identity.accounts.transactions import AccountTransactions
from services.identity.feed import changes
from services.identity.feed.changes import CHANGED, FeedPrunedError
from services.identity.feed.retention import prune_feed
from services.identity.tables import account_changes, audit
from tests.support.audit_key import AUDIT_KEY

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def now() -> datetime.datetime:
    return NOW


def write(database: Database, count: int, time: datetime.datetime = NOW) -> None:
    transactions = AccountTransactions(
        database, lambda: time, AuditLog(audit, AUDIT_KEY, lambda: time), lambda _account_id, _sequence: None
    )
    for _ in range(count):
        with transactions.begin() as transaction:
            transaction.changed(uuid.uuid4())


def kept(database: Database) -> list[int]:
    with database.reading() as connection:
        return list(
            connection.scalars(select(account_changes.c.sequence).order_by(account_changes.c.sequence))
        )


def follow(database: Database, until: Callable[[int], bool]) -> list[int]:
    """The sequences that a reader sees that polls without pause and starts a new query after each batch."""
    seen: list[int] = []
    while not until(len(seen)):
        with database.reading() as connection:
            batch = changes.changes_after(connection, seen[-1] if seen else 0, at_most=7)
        seen += [change.sequence for change in batch]
    return seen


def test_readers_see_every_change_in_order_without_gaps_while_writers_race(database: Database) -> None:
    writers, each = 8, 40
    # Every fourth transaction is rolled back at its very end: its number must not be missed.
    committed = writers * (each - each // 4)

    def write_and_fail(_: int) -> None:
        for number in range(each):
            if number % 4:
                write(database, 1)
            else:
                with database.transaction() as connection:
                    changes.append(connection, uuid.uuid4(), CHANGED, NOW)
                    connection.rollback()

    with ThreadPoolExecutor(writers + 2) as pool:
        readers = [pool.submit(follow, database, lambda seen: seen >= committed) for _ in range(2)]
        list(pool.map(write_and_fail, range(writers)))
        for reader in readers:
            assert reader.result(60) == list(range(1, committed + 1))


def test_what_a_transaction_changed_is_told_after_the_commit_with_its_sequence(database: Database) -> None:
    notified: list[tuple[str, int]] = []
    transactions = AccountTransactions(
        database,
        now,
        AuditLog(audit, AUDIT_KEY, now),
        lambda account_id, sequence: notified.append((account_id, sequence)),
    )
    first, second = uuid.uuid4(), uuid.uuid4()
    with transactions.begin() as transaction:
        transaction.changed(first)
        transaction.deleted(second)
        assert notified == []
    assert notified == [(str(first), 1), (str(second), 2)]
    with database.reading() as connection:
        found = changes.changes_after(connection, 0)
    assert [(change.account_id, change.kind, change.time) for change in found] == [
        (first, "changed", NOW),
        (second, "deleted", NOW),
    ]


def test_a_rolled_back_transaction_tells_nobody_and_uses_no_number(database: Database) -> None:
    notified: list[str] = []
    transactions = AccountTransactions(
        database,
        now,
        AuditLog(audit, AUDIT_KEY, now),
        lambda account_id, _sequence: notified.append(account_id),
    )

    def fail() -> None:
        with transactions.begin() as transaction:
            transaction.changed(uuid.uuid4())
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert notified == []
    write(database, 1)
    assert kept(database) == [1]


def test_pruning_removes_what_is_too_old_and_says_so_to_whoever_asks_for_it(database: Database) -> None:
    write(database, 3, NOW - datetime.timedelta(hours=49))
    write(database, 2, NOW - datetime.timedelta(hours=47))
    assert prune_feed(database, datetime.timedelta(hours=48), now) == 3
    assert prune_feed(database, datetime.timedelta(hours=48), now) == 0
    assert kept(database) == [4, 5]
    with database.reading() as connection:
        assert [change.sequence for change in changes.changes_after(connection, 3)] == [4, 5]
        with pytest.raises(FeedPrunedError):
            changes.changes_after(connection, 2)
    write(database, 1)
    assert kept(database) == [4, 5, 6]


def test_pruning_everything_still_knows_where_the_feed_ended(database: Database) -> None:
    write(database, 3, NOW - datetime.timedelta(days=2))
    assert prune_feed(database, datetime.timedelta(days=1), now) == 3
    with database.reading() as connection:
        assert changes.changes_after(connection, 3) == []
        assert changes.head(connection) == 3
        with pytest.raises(FeedPrunedError):
            changes.changes_after(connection, 0)
    write(database, 1)
    assert kept(database) == [4]


def test_a_late_clock_keeps_what_came_after_it(database: Database) -> None:
    write(database, 1, NOW - datetime.timedelta(days=2))
    write(database, 1, NOW)
    write(database, 1, NOW - datetime.timedelta(days=2))
    assert prune_feed(database, datetime.timedelta(days=1), now) == 1
    assert kept(database) == [2, 3]


def test_more_than_one_batch_is_pruned(database: Database) -> None:
    count = changes.BATCH + 3
    with database.transaction() as connection:
        for _ in range(count):
            changes.append(connection, uuid.uuid4(), CHANGED, NOW - datetime.timedelta(days=2))
    assert prune_feed(database, datetime.timedelta(days=1), now) == count
    assert kept(database) == []


def test_pruning_replicas_and_writers_do_not_disturb_each_other(database: Database) -> None:
    write(database, 60, NOW - datetime.timedelta(days=2))
    start = threading.Barrier(4)

    def prune() -> int:
        start.wait(10)
        return prune_feed(database, datetime.timedelta(days=1), now)

    def keep_writing() -> int:
        start.wait(10)
        write(database, 20)
        return 0

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(task) for task in (prune, prune, keep_writing, keep_writing)]
        for outcome in work:
            outcome.result(30)
    assert kept(database) == list(range(61, 101))


def test_a_sequence_that_the_feed_has_not_come_to_is_another_feeds(database: Database) -> None:
    write(database, 2)
    with database.reading() as connection:
        assert changes.changes_after(connection, 2) == []
        with pytest.raises(FeedPrunedError):
            changes.changes_after(connection, 3)
