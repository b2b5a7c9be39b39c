"""The throttle on real PostgreSQL, with real threads: exact, and in nobody's way who is right."""

import datetime
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import MetaData, create_engine, make_url

from deploy.local.postgres import PostgresServer
from services.chassis.database import Database
from services.chassis.errors import ThrottledError
from services.chassis.throttle import Budget, Throttle, client_network, throttle_table
from tests.waiting import wait_until

MINUTE = datetime.timedelta(minutes=1)
ALICE = Budget("account:alice", 10, 15 * MINUTE)


@dataclass
class Clock:
    moment: datetime.datetime = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)

    def now(self) -> datetime.datetime:
        return self.moment


@dataclass
class World:
    replicas: list[Throttle]
    clock: Clock
    reached: list[str] = field(default_factory=list)
    refused: list[datetime.timedelta] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def guess(self, throttle: Throttle, right: bool, budgets: list[Budget]) -> None:
        try:
            with throttle.attempt(budgets) as attempt:
                with self.lock:
                    self.reached.append(budgets[0].key)
                if not right:
                    attempt.fail()
        except ThrottledError as refusal:
            with self.lock:
                self.refused.append(refusal.retry_after)

    def at_once(self, count: int, right: bool, budgets: list[Budget]) -> None:
        together(count, lambda number: self.guess(self.replicas[number % len(self.replicas)], right, budgets))


def together(count: int, act: Callable[[int], None]) -> None:
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait(20)
        act(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def world(postgres_server: PostgresServer) -> Iterator[World]:
    url = postgres_server.url("postgres")
    metadata = MetaData()
    table = throttle_table(metadata)
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    metadata.create_all(engine)
    databases = [Database(url, pool_size=20) for _ in range(2)]
    clock = Clock()
    throttles = [
        Throttle(database, table, clock.now, lambda after: ThrottledError(retry_after=after))
        for database in databases
    ]
    yield World(throttles, clock)
    for database in databases:
        database.dispose()
    metadata.drop_all(engine)
    engine.dispose()


def test_of_200_wrong_guesses_at_once_exactly_the_limit_gets_through(world: World) -> None:
    world.at_once(200, False, [ALICE])
    assert len(world.reached) == 10
    assert len(world.refused) == 190
    assert all(datetime.timedelta() < after <= ALICE.window for after in world.refused)


def test_50_right_ones_at_once_all_get_through(world: World) -> None:
    world.at_once(50, True, [ALICE])
    assert (len(world.reached), world.refused) == (50, [])


def test_failures_are_forgotten_after_the_window_and_not_before(world: World) -> None:
    world.at_once(10, False, [ALICE])
    world.clock.moment += 14 * MINUTE
    world.guess(world.replicas[0], True, [ALICE])
    assert world.refused == [MINUTE]
    world.clock.moment += MINUTE
    world.guess(world.replicas[0], True, [ALICE])
    assert len(world.reached) == 11


def test_every_budget_counts_and_a_refusal_by_one_takes_nothing_from_the_other(world: World) -> None:
    wide = Budget("address:192.0.2.1", 100, 15 * MINUTE)
    world.at_once(30, False, [ALICE, wide])
    assert len(world.reached) == 10
    bob = Budget("account:bob", 1000, 15 * MINUTE)
    world.at_once(100, False, [bob, wide])
    assert world.reached.count("account:bob") == 90


def test_an_attempt_that_breaks_off_gives_its_place_back(world: World) -> None:
    for _ in range(30):
        with pytest.raises(ZeroDivisionError), world.replicas[0].attempt([ALICE]):
            raise ZeroDivisionError
    world.guess(world.replicas[1], True, [ALICE])
    assert world.refused == []


def test_the_place_of_a_dead_process_is_free_again_after_a_minute(world: World) -> None:
    single = Budget("account:carol", 1, 15 * MINUTE)
    # Entered and not left for now, as by a process that was killed.
    dead = world.replicas[0].attempt([single])
    dead.__enter__()
    done = threading.Thread(target=world.guess, args=(world.replicas[1], True, [single]))
    done.start()
    world.clock.moment += MINUTE
    wait_until(lambda: world.reached == ["account:carol"])
    done.join(10)
    dead.__exit__(None, None, None)


def test_old_attempts_are_swept_and_counted_ones_kept(world: World) -> None:
    world.at_once(10, False, [ALICE])
    assert world.replicas[0].sweep(15 * MINUTE) == 0
    world.clock.moment += 15 * MINUTE
    assert world.replicas[0].sweep(15 * MINUTE) == 10


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(address: str, network: str) -> None:
    assert client_network(address) == network
