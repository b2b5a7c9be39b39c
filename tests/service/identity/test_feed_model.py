"""The feed against a model: random writers and watchers that come, go and crash, for 10,000 steps."""

import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from services.chassis.postgres.database import Database
from tests.service.identity.conftest import Replica
from tests.service.identity.feed_model import Truth, Watcher, Writer
from tests.service.identity.replicas import Clock

STEPS = 10_000
WRITERS = 6
WATCHERS = 3


def test_in_ten_thousand_steps_no_event_is_lost_repeated_or_out_of_order(
    start_replica: Callable[..., Replica], database: Database, clock: Clock
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    truth = Truth()
    stubs = [start_replica().callers.activation for _ in range(2)]
    writers = [Writer(database, clock, truth, seed + number) for number in range(WRITERS)]
    watchers = [Watcher(stubs, seed + 1000 + number) for number in range(WATCHERS)]

    with ThreadPoolExecutor(WRITERS + WATCHERS) as pool:
        writing = [pool.submit(writer.run, -(-STEPS // WRITERS)) for writer in writers]

        def is_over(cursor: int) -> bool:
            return all(one.done() for one in writing) and cursor >= len(truth.changes)

        watching = [pool.submit(watcher.run, is_over) for watcher in watchers]
        for outcome in (*writing, *watching):
            outcome.result()

    seen = sum((watcher.counts for watcher in watchers), Counter())
    print(f"{truth.counts.total()} steps of {WRITERS} writers: {dict(truth.counts)}")
    print(f"{len(truth.changes)} changes; {WATCHERS} watchers: {dict(seen)}")
    assert truth.counts.total() >= STEPS
    assert min(truth.counts.values()) > 1000
    assert seen["crashes"] > 10
    # The sequences are those that the writers were given, without a gap although many were rolled back.
    assert sorted(truth.changes) == list(range(1, len(truth.changes) + 1))
    for watcher in watchers:
        assert watcher.seen == truth.changes
