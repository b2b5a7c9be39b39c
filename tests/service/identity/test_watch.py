"""Watching accounts over gRPC: the past, the present, heartbeats, and how a watch ends."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from sqlalchemy import text, update

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import reason_of
from services.chassis.postgres.database import Database
from services.identity.feed import changes as feed
from services.identity.feed.reader import REMEMBERED, FeedReader
from services.identity.tables import account_feed
from tests.service.identity.conftest import Replica
from tests.service.identity.replicas import PASSWORD, Account, Callers, eventually, sign_up

DEADLINE = 20.0


class Watch:
    """One stream; ended when the block is left."""

    def __init__(self, callers: Callers, after: int | None, peer: str = "activation") -> None:
        self._call = callers[peer].WatchAccounts(
            pb.WatchAccountsRequest(after_sequence=after), timeout=DEADLINE
        )

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._call.cancel()

    def __iter__(self) -> Iterator[pb.AccountEvent]:
        return iter(self._call)

    def changes(self, count: int) -> list[tuple[int, str, str]]:
        """The next `count` changes: sequence, account and kind."""
        found = []
        for event in self:
            if event.HasField("change"):
                found.append((event.sequence, event.change.account_id, event.change.kind))
                if len(found) == count:
                    break
        return found

    def heartbeat(self) -> int:
        """The sequence of the next heartbeat; no change may come before it."""
        event = next(iter(self))
        assert event.HasField("heartbeat"), event
        return event.sequence


WRITE = text(
    "WITH moved AS (UPDATE account_feed SET sequence = sequence + :count RETURNING sequence)"
    " INSERT INTO account_changes (sequence, account_id, kind, time)"
    " SELECT sequence - :count + number, gen_random_uuid(), 'changed', now()"
    " FROM moved, generate_series(1, :count) number"
)


def write(database: Database, count: int) -> None:
    """So many changes in one transaction, without a notification."""
    with database.transaction() as connection:
        connection.execute(WRITE, {"count": count})


def activate(callers: Callers, admin: Account, account: Account, status: str = "active") -> None:
    request = pb.UpdateUserRequest(user_id=account.id, activation_status=status)
    callers.gateway.UpdateUser(request, metadata=admin.bearer)


def test_a_watch_shows_the_past_then_what_happens(callers: Callers, admin: Account, person: Account) -> None:
    with Watch(callers, 0) as watch:
        assert watch.changes(2) == [(1, admin.id, "changed"), (2, person.id, "changed")]
        assert watch.heartbeat() == 2
        activate(callers, admin, person)
        assert watch.changes(1) == [(3, person.id, "changed")]
        callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=person.id), metadata=admin.bearer)
        assert watch.changes(1) == [(4, person.id, "deleted")]
    with Watch(callers, 2) as watch:
        assert [sequence for sequence, _, _ in watch.changes(2)] == [3, 4]


def test_a_watch_from_now_on_leaves_the_past_out(callers: Callers, admin: Account, person: Account) -> None:
    with Watch(callers, None) as watch:
        assert watch.heartbeat() == 2
        activate(callers, admin, person)
        assert watch.changes(1) == [(3, person.id, "changed")]


def test_what_changes_nothing_is_no_change(callers: Callers, admin: Account, person: Account) -> None:
    with Watch(callers, None) as watch:
        watch.heartbeat()
        sign_up_refused = pb.RegisterRequest(email=person.email, password=PASSWORD)
        with pytest.raises(grpc.RpcError):
            callers.gateway.Register(sign_up_refused)
        callers.gateway.UpdateUser(pb.UpdateUserRequest(user_id=person.id), metadata=admin.bearer)
        callers.gateway.Login(pb.LoginRequest(email=person.email, password=PASSWORD))
        callers.gateway.Logout(pb.LogoutRequest(), metadata=person.bearer)
        assert watch.changes(1) == [(3, person.id, "changed")]


def test_heartbeats_come_at_least_three_times_a_second(callers: Callers, admin: Account) -> None:
    with Watch(callers, None) as watch:
        events = iter(watch)
        next(events)
        start = time.monotonic()
        for _ in range(6):
            assert next(events).HasField("heartbeat")
        assert time.monotonic() - start <= 2.0


def test_an_idle_watch_sleeps_between_heartbeats(
    callers: Callers, admin: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = itertools.count()
    beat = FeedReader.beat
    monkeypatch.setattr(FeedReader, "beat", lambda reader: (next(rounds), beat(reader))[1])
    with Watch(callers, 1) as watch:
        for _ in range(5):
            assert watch.heartbeat() == 1
    # Each round follows a beat, of which there are about two for each heartbeat.
    assert next(rounds) < 100


def test_heartbeats_also_come_while_changes_do_not_stop(callers: Callers, database: Database) -> None:
    stop = threading.Event()

    def keep_changing() -> None:
        while not stop.is_set():
            write(database, 1)

    with ThreadPoolExecutor(1) as pool, Watch(callers, 0) as watch:
        writing = pool.submit(keep_changing)
        try:
            beats = 0
            last = 0
            for event in watch:
                if event.HasField("heartbeat"):
                    assert event.sequence == last
                    beats += 1
                else:
                    assert event.sequence == last + 1
                    last = event.sequence
                if beats == 5:
                    break
        finally:
            stop.set()
        writing.result(10)
    assert last > 0


def test_a_long_past_is_read_from_the_database_in_full(callers: Callers, database: Database) -> None:
    count = feed.BATCH * 2 + 17
    write(database, count)
    with Watch(callers, 0) as watch:
        assert [sequence for sequence, _, _ in watch.changes(count)] == list(range(1, count + 1))
        assert watch.heartbeat() == count


def test_more_than_is_remembered_at_once_is_still_shown_in_full(callers: Callers, database: Database) -> None:
    with Watch(callers, 0) as watch:
        assert watch.heartbeat() == 0
        count = REMEMBERED + 100
        write(database, count)
        assert [sequence for sequence, _, _ in watch.changes(count)] == list(range(1, count + 1))


def test_subscribers_that_come_and_go_miss_nothing_and_see_nothing_twice(
    callers: Callers, database: Database
) -> None:
    writers, each = 8, 25
    total = writers * each

    def subscribe(seed: int) -> list[int]:
        """Reads a few changes at a time, each time on a new stream, from where it stopped."""
        chance = random.Random(seed)
        seen: list[int] = []
        while len(seen) < total:
            wanted = min(chance.randint(1, 40), total - len(seen))
            with Watch(callers, seen[-1] if seen else 0) as watch:
                seen += [sequence for sequence, _, _ in watch.changes(wanted)]
        return seen

    def keep_changing(_: int) -> None:
        for _ in range(each):
            write(database, 1)

    with ThreadPoolExecutor(writers + 2) as pool:
        subscribers = [pool.submit(subscribe, seed) for seed in (1, 2)]
        list(pool.map(keep_changing, range(writers)))
        for subscriber in subscribers:
            assert subscriber.result(60) == list(range(1, total + 1))


def pruned(callers: Callers, after: int) -> bool:
    try:
        with Watch(callers, after) as watch:
            next(iter(watch))
    except grpc.RpcError as error:
        if (error.code(), reason_of(error)) != (grpc.StatusCode.OUT_OF_RANGE, "FEED_PRUNED"):
            raise
        return True
    return False


def test_whoever_asks_for_what_is_pruned_is_told_so(callers: Callers, database: Database) -> None:
    write(database, 5)
    with database.transaction() as connection:
        connection.execute(update(account_feed).values(pruned_up_to=3))
    assert pruned(callers, 2)
    assert not pruned(callers, 3)
    # A sequence that no feed of this database ever had.
    assert pruned(callers, 6)


def test_a_watch_that_is_overtaken_by_pruning_is_told_so(callers: Callers, database: Database) -> None:
    # More than a subscriber's buffers hold, so that the stream stands still until it is read.
    write(database, 60_000)
    with Watch(callers, 0) as watch:
        assert len(watch.changes(1)) == 1
        with database.transaction() as connection:
            connection.execute(update(account_feed).values(pruned_up_to=59_999))
        with pytest.raises(grpc.RpcError) as refused:
            watch.changes(60_000)
    assert reason_of(refused.value) == "FEED_PRUNED"


def test_a_negative_sequence_is_bad_input(callers: Callers) -> None:
    with Watch(callers, -1) as watch, pytest.raises(grpc.RpcError) as refused:
        next(iter(watch))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_only_the_other_services_watch(callers: Callers) -> None:
    for peer in ("gateway", "ops", "collector"):
        with Watch(callers, 0, peer) as watch, pytest.raises(grpc.RpcError) as refused:
            next(iter(watch))
        assert reason_of(refused.value) == "CALLER_NOT_ALLOWED"


def test_ended_watches_leave_no_thread_waiting(callers: Callers, replica: Replica) -> None:
    watches = [Watch(callers, None) for _ in range(20)]
    for watch in watches:
        watch.heartbeat()
    assert replica.identity.feed.watchers == 20
    for watch in watches:
        watch.__exit__()
    eventually(lambda: replica.identity.feed.watchers == 0)


def test_a_watch_ends_well_when_the_replica_does(start_replica: Callable[..., Replica]) -> None:
    replica = start_replica()
    with Watch(replica.callers, None) as watch:
        watch.heartbeat()
        start = time.monotonic()
        replica.identity.lifecycle.stop(0)
        assert all(event.HasField("heartbeat") for event in watch)
        # The grace of five seconds was not needed.
        assert time.monotonic() - start < 4


def test_streams_beyond_the_limit_are_turned_away(start_replica: Callable[..., Replica]) -> None:
    callers = start_replica(max_streams=2).callers
    with Watch(callers, None) as first, Watch(callers, None) as second:
        first.heartbeat()
        second.heartbeat()
        with Watch(callers, None) as third, pytest.raises(grpc.RpcError) as refused:
            next(iter(third))
    assert reason_of(refused.value) == "TOO_MANY_STREAMS"


def test_two_replicas_tell_the_same_story(start_replica: Callable[..., Replica]) -> None:
    one, other = start_replica().callers, start_replica().callers
    first = sign_up(one, "first@example.com")
    second = sign_up(other, "second@example.com")
    expected = [(1, first.id, "changed"), (2, second.id, "changed")]
    for callers in (one, other):
        with Watch(callers, 0) as watch:
            assert watch.changes(2) == expected
