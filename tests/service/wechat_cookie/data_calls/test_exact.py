"""Two replicas with 32 threads each race for the data calls of three cookies: none is given twice or too early."""

import datetime
import itertools
import json
import os
import subprocess
import sys
from contextlib import ExitStack

from services.chassis.clock import utc_now
from tests.service.wechat_cookie.store import ANN, Store

REPLICAS, THREADS = 2, 32
SPACING_SECONDS = 0.01
PER_HOUR = 60
PROGRAM = "tests.service.wechat_cookie.data_calls.taking"


def test_budgets_are_exact_over_two_replicas_and_64_threads(store: Store) -> None:
    store.clock.time = utc_now() - datetime.timedelta(minutes=1)
    tokens = ["1001", "1002", "1003"]
    for token in tokens:
        store.save(token)
    arguments = [sys.executable, "-m", PROGRAM, str(ANN), str(THREADS), str(SPACING_SECONDS)]
    with ExitStack() as stack:
        replicas = [
            stack.enter_context(
                subprocess.Popen(
                    arguments,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env={**os.environ, "DATABASE_URL": store.url},
                )
            )
            for _ in range(REPLICAS)
        ]
        for replica in replicas:
            assert replica.stdout is not None
            assert replica.stdout.readline() == "ready\n"
        for replica in replicas:
            assert replica.stdin is not None
            replica.stdin.write("\n")
            replica.stdin.flush()
        by_replica = [json.loads(replica.communicate(timeout=100)[0]) for replica in replicas]
    assert all(by_replica), "both replicas took part in the race"
    taken = [(token, datetime.datetime.fromisoformat(time)) for one in by_replica for token, time in one]
    for token in tokens:
        times = sorted(time for other, time in taken if other == token)
        assert len(times) == PER_HOUR
        gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]
        assert min(gaps) >= SPACING_SECONDS
