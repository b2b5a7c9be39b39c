"""The costs of an idle stack, and the time of a restart."""

import os
import tempfile
import time
from pathlib import Path

from bench.bench import Bench
from bench.measurement import Result, at_most, median
from bench.processes import tree_cpu_seconds, tree_shared_fairly_bytes
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack

NUMBERS = (12,)
STARTS = 5
# The time after which the first runs of periodic work are over.
SETTLE_SECONDS = 12.0
IDLE_SECONDS = 30.0


def measure(bench: Bench) -> list[Result]:
    """Measures the time from start() to ready, with existing state; then CPU and memory."""
    os.sched_setaffinity(0, bench.cores.both)
    seconds: list[float] = []
    with tempfile.TemporaryDirectory(prefix="fastmp-bench-idle-") as folder:
        settings = LocalSettings.side_by_side(Path(folder))
        with LocalStack(settings):
            pass
        for _ in range(STARTS - 1):
            seconds.append(_start_and_stop(settings))
        start = time.perf_counter()
        with LocalStack(settings) as stack:
            seconds.append(time.perf_counter() - start)
            time.sleep(SETTLE_SECONDS)
            pids = [stack.process(name).pid for name in stack.process_names()]
            share, parts = _cpu_share(stack, pids)
            memory = sum(tree_shared_fairly_bytes(pid) for pid in pids)
    starts = ", ".join(f"{one:.1f}" for one in seconds)
    return [
        Result(
            12, "second start to ready", median(seconds), None, "s", at_most(6), f"starts took {starts} s"
        ),
        Result(12, "idle stack, CPU", 100 * share, None, "% of a core", at_most(3), parts),
        Result(12, "idle stack, memory (PSS)", memory / 2**20, None, "MiB", at_most(500)),
    ]


def _start_and_stop(settings: LocalSettings) -> float:
    start = time.perf_counter()
    with LocalStack(settings):
        return time.perf_counter() - start


def _cpu_share(stack: LocalStack, pids: list[int]) -> tuple[float, str]:
    before = [tree_cpu_seconds(pid) for pid in pids]
    time.sleep(IDLE_SECONDS)
    shares = [(tree_cpu_seconds(pid) - used) / IDLE_SECONDS for pid, used in zip(pids, before, strict=True)]
    named = zip(stack.process_names(), shares, strict=True)
    return sum(shares), ", ".join(f"{name} {100 * share:.2f} %" for name, share in named)
