"""Cascades against a model: followers die, or sleep until the feed is pruned, and end with the right rows."""

import datetime
import random
import secrets
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from services.chassis.channels import channel
from services.chassis.identity.feed_follower import FeedCursor
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from services.identity.feed.retention import prune_feed
from tests.service.identity.conftest import Replica
from tests.service.identity.feed_followers import CrashingCursor, cascades, following, owners, redeem
from tests.service.identity.feed_model import Truth, Writer
from tests.service.identity.replicas import Clock
from tests.support.postgres import FreshDatabase
from tests.support.waiting import wait_until

ROUNDS = 12
STEPS_A_ROUND = 50
WRITERS = 4


@pytest.fixture
def codes(fresh_database: FreshDatabase) -> Iterator[Database]:
    """Activation's database."""
    database = Database(fresh_database("activation"), pool_size=20)
    yield database
    database.dispose()


@pytest.fixture
def address(start_replica: Callable[..., Replica]) -> str:
    """Two replicas of Identity."""
    return ",".join(f"127.0.0.1:{start_replica().identity.server.port}" for _ in range(2))


def test_followers_that_crash_and_fall_behind_a_pruned_feed_end_with_exactly_the_right_rows(
    address: str, database: Database, codes: Database, clock: Clock, certificates: Mapping[str, TlsFiles]
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance, truth, counts = random.Random(seed), Truth(), Counter[str]()
    cursors = [CrashingCursor(codes, clock.now, counts) for _ in range(2)]
    given: set[uuid.UUID] = set()

    def give_code(account_id: uuid.UUID) -> None:
        given.add(account_id)
        redeem(codes, account_id, clock.now())

    writers = [Writer(database, clock, truth, seed + 9 + number, give_code) for number in range(WRITERS)]
    with ExitStack() as held, ThreadPoolExecutor(WRITERS) as pool:
        identity = held.enter_context(channel(address, "identity", certificates["activation"]))
        for number in range(ROUNDS):
            # Every other round has no followers, and its changes are pruned before there are any. Of the rounds
            # with followers, every other one ends before they have come to the end.
            awake = chance.sample(cursors, 0 if number % 2 else chance.randint(1, 2))
            with ExitStack() as replicas:
                for cursor in awake:
                    replicas.enter_context(following(identity, cursor, clock.now))
                for writing in [pool.submit(writer.run, STEPS_A_ROUND) for writer in writers]:
                    writing.result()
                counts["pruned"] += prune_feed(database, datetime.timedelta(0), clock.now)
        with ExitStack() as replicas:
            for cursor in cursors:
                replicas.enter_context(following(identity, cursor, clock.now))
            wait_until(lambda: has_followed(cursors[0], truth), "both have followed to the end", 30)
            print(f"{truth.counts.total()} steps, {len(truth.changes)} changes; {dict(counts)}")

    left = set(truth.accounts)
    assert owners(codes) == left
    assert left < given
    assert counts["resynchronisations"] > 1
    assert counts["crashes in a resynchronisation"] == 1
    assert counts["crashes before the commit"] > 1
    assert counts["crashes after the commit"] > 1
    # No account that had codes was forgotten or cascaded twice, whichever process died or fell behind at the time.
    done = cascades(codes)
    assert {uuid.UUID(account_id) for account_id in done} == given - left
    assert set(done.values()) == {1}


def has_followed(cursor: FeedCursor, truth: Truth) -> bool:
    return cursor.position() >= len(truth.changes)
