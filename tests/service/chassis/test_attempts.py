"""The limits on real PostgreSQL, with two concurrent replicas: exact, and successful attempts are not refused."""

import datetime
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from sqlalchemy import (
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    func,
    insert,
    literal,
    make_url,
    select,
    text,
)

from deploy.local.postgres import PostgresServer
from services.chassis.errors import ThrottledError
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import Attempts, Bucket, bucket_key
from services.chassis.throttling.tables import attempts_table
from tests.support.waiting import wait_until

MINUTE = datetime.timedelta(minutes=1)
WINDOW = 15 * MINUTE
ALICE = Bucket(bucket_key("account", "alice"), 10)
BOB = Bucket(bucket_key("account", "bob"), 1000)
PLACE = Bucket(bucket_key("address", "192.0.2.1"), 40)

SIGNED_IN = Bucket(bucket_key("signed in", "alice"), 5)


class WrongError(Exception):
    """The guess was wrong."""


@dataclass
class Clock:
    moment: datetime.datetime = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)

    def now(self) -> datetime.datetime:
        return self.moment


@dataclass
class World:
    """Two replicas over one table, and how many attempts were let through."""

    engine: Engine
    table: Table
    clock: Clock
    replicas: Sequence[Attempts]
    through: int = 0
    refusals: list[ThrottledError] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def guess(
        self,
        number: int,
        is_right: bool,
        buckets: Sequence[Bucket] = (ALICE,),
        successes: Sequence[Bucket] = (),
    ) -> str:
        """What became of it, at one of the replicas."""
        try:
            with self.replicas[number % 2].attempt(buckets, successes, WrongError, ThrottledError, 20.0):
                self._look_at(is_right)
        except WrongError:
            return "wrong"
        except ThrottledError as refusal:
            with self.lock:
                self.refusals.append(refusal)
            return "throttled"
        return "right"

    def count(self, number: int, buckets: Sequence[Bucket] = (ALICE,)) -> str:
        try:
            self.replicas[number % 2].count(buckets, ThrottledError)
        except ThrottledError as refusal:
            with self.lock:
                self.refusals.append(refusal)
            return "throttled"
        return "counted"

    def _look_at(self, is_right: bool) -> None:
        with self.lock:
            self.through += 1
        if not is_right:
            raise WrongError

    def rows(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(self.table)).scalar_one()


def at_once(count: int, act: Callable[[int], str]) -> Counter[str]:
    """The outcomes of `count` calls that begin together."""
    gate = threading.Barrier(count)

    def run(number: int) -> str:
        gate.wait(30)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


@pytest.fixture
def world(postgres_server: PostgresServer) -> Iterator[World]:
    url = postgres_server.url("postgres")
    metadata = MetaData()
    table = attempts_table(metadata, f"attempts_{uuid.uuid4().hex}")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    metadata.create_all(engine)
    databases = [Database(url, pool_size=10) for _ in range(2)]
    clock = Clock()
    yield World(
        engine,
        table,
        clock,
        [Attempts(database, table, WINDOW, clock.now) for database in databases],
    )
    for database in databases:
        database.dispose()
    metadata.drop_all(engine)
    engine.dispose()


def test_of_200_wrong_guesses_at_once_exactly_the_limit_gets_through(world: World) -> None:
    assert at_once(200, lambda number: world.guess(number, False)) == {"wrong": 10, "throttled": 190}
    assert world.through == 10
    assert all(datetime.timedelta() < refusal.retry_after <= WINDOW for refusal in world.refusals)


def test_50_right_ones_at_once_all_get_through_and_leave_nothing(world: World) -> None:
    assert at_once(50, lambda number: world.guess(number, True)) == {"right": 50}
    assert world.rows() == 0


def test_of_50_right_ones_at_once_exactly_as_many_as_may_succeed_do(world: World) -> None:
    outcomes = at_once(50, lambda number: world.guess(number, True, successes=(SIGNED_IN,)))
    assert outcomes == {"right": 5, "throttled": 45}
    assert world.through == 5
    # Wrong ones are refused, too, but took nothing from the successes.
    assert world.rows() == 5


def test_a_wrong_one_counts_as_no_success(world: World) -> None:
    outcomes = at_once(9, lambda number: world.guess(number, False, successes=(SIGNED_IN,)))
    assert outcomes == {"wrong": 9}
    assert world.guess(0, True, successes=(SIGNED_IN,)) == "right"


def test_right_ones_among_wrong_ones_give_their_places_to_those_that_wait(world: World) -> None:
    outcomes = at_once(60, lambda number: world.guess(number, is_right=number % 6 != 0))
    assert outcomes["wrong"] == 10
    assert outcomes["right"] + outcomes["throttled"] == 50


def test_what_counts_is_forgotten_after_the_window_and_not_before(world: World) -> None:
    for _ in range(10):
        assert world.guess(0, False) == "wrong"
    world.clock.moment += 14 * MINUTE
    assert world.guess(1, True) == "throttled"
    assert world.refusals[0].retry_after == MINUTE
    for _ in range(2):
        world.clock.moment += MINUTE
        assert world.guess(1, True) == "right"


def test_every_bucket_counts_and_a_refusal_by_one_takes_nothing_from_the_other(world: World) -> None:
    outcomes = at_once(30, lambda number: world.guess(number, False, (ALICE, PLACE)))
    assert outcomes == {"wrong": 10, "throttled": 20}
    outcomes = at_once(60, lambda number: world.guess(number, False, (BOB, PLACE)))
    assert outcomes == {"wrong": 30, "throttled": 30}


def test_an_attempt_that_breaks_off_gives_its_place_back(world: World) -> None:
    for number in range(30):
        attempt = world.replicas[number % 2].attempt((ALICE,), (SIGNED_IN,), WrongError, ThrottledError, 20.0)
        with pytest.raises(ZeroDivisionError), attempt:
            raise ZeroDivisionError
    assert world.rows() == 0


def test_an_attempt_of_a_process_that_died_counts(world: World) -> None:
    rows = [
        {"attempt_id": uuid.uuid4(), "bucket": ALICE.key, "started_at": world.clock.now(), "is_open": True}
        for _ in range(10)
    ]
    with world.engine.begin() as connection:
        connection.execute(insert(world.table), rows)
    world.clock.moment += MINUTE
    assert world.guess(0, True) == "throttled"
    world.clock.moment += 14 * MINUTE
    assert world.guess(0, True) == "right"


def test_an_attempt_looks_only_once_nobody_else_is_in_its_bucket(world: World) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    rows = [
        {"attempt_id": uuid.uuid4(), "bucket": ALICE.key, "started_at": world.clock.now(), "is_open": False}
        for _ in range(10)
    ]
    with ThreadPoolExecutor(1) as pool:
        with world.engine.begin() as other, world.engine.connect() as watcher:
            other.execute(select(func.pg_advisory_xact_lock(ALICE.lock)))
            outcome = pool.submit(world.guess, 0, True)
            wait_until(lambda: watcher.execute(waiting).scalar_one() == 1)
            other.execute(insert(world.table), rows)
        assert outcome.result(30) == "throttled"


def test_of_200_things_counted_at_once_exactly_the_limit_is(world: World) -> None:
    assert at_once(200, lambda number: world.count(number, (ALICE, PLACE))) == {
        "counted": 10,
        "throttled": 190,
    }
    # What was refused by the one took nothing from the other.
    assert world.rows() == 20
    assert {refusal.retry_after for refusal in world.refusals} == {WINDOW}


def test_a_statement_can_ask_whether_a_bucket_has_room(world: World) -> None:
    key, now = literal(ALICE.key, LargeBinary), literal(world.clock.now(), DateTime(timezone=True))

    def has_room() -> bool:
        condition = world.replicas[0].has_room(key, ALICE.limit, now)
        with world.engine.connect() as connection:
            return bool(connection.execute(select(condition)).scalar_one())

    for number in range(10):
        assert has_room()
        world.replicas[1].check((ALICE,), ThrottledError)
        assert world.count(number) == "counted"
    assert not has_room()
    with pytest.raises(ThrottledError):
        world.replicas[1].check((ALICE,), ThrottledError)


def test_what_no_longer_counts_is_removed_and_the_rest_kept(world: World) -> None:
    for number in range(10):
        world.count(number)
    assert world.replicas[0].purge() == 0
    world.clock.moment += WINDOW
    assert world.replicas[0].purge() == 10
    assert world.rows() == 0
