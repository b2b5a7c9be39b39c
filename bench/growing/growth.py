"""The median time of each unary RPC with tables of different sizes; the stacks are called in turn."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from bench.bench import Bench
from bench.growing.calls import Callers, rpcs
from bench.measurement import Result, at_most, median
from deploy.local.stack import LocalStack

WARM_UP = 3
TURNS = 25
# For slow calls, which hash a password, fewer turns are enough.
LEAST_TURNS = 7
LONGEST_SECONDS = 4.0


def measure_growth(bench: Bench, stacks: Mapping[int, LocalStack]) -> list[Result]:
    """Returns one line for the RPC that grows most, with the others in its detail."""
    with ExitStack() as held:
        callers = {
            count: held.enter_context(Callers(stack, bench.accounts_of(stack)))
            for count, stack in stacks.items()
        }
        every = {count: rpcs(one) for count, one in callers.items()}
        smallest, *larger = sorted(stacks)
        medians = {name: _medians(name, every) for name in every[smallest]}
    growth = {count: {name: of[count] / of[smallest] for name, of in medians.items()} for count in larger}
    largest = growth[larger[-1]]
    worst = max(largest, key=largest.__getitem__)
    detail = ", ".join(
        f"{name} {1e3 * medians[name][smallest]:.1f} ms "
        + " ".join(f"×{growth[count][name]:.2f}" for count in larger)
        for name in medians
    )
    return [
        Result(
            11,
            f"growth from {smallest:,} to {larger[-1]:,} rows: {worst}, the most of {len(largest)} calls",
            1e3 * medians[worst][larger[-1]],
            1e3 * medians[worst][smallest],
            "ms",
            at_most(1.5),
            detail,
        )
    ]


def _medians(
    name: str, every: Mapping[int, Mapping[str, Callable[[], Callable[[], object]]]]
) -> dict[int, float]:
    seconds: dict[int, list[float]] = {count: [] for count in every}
    start = time.perf_counter()
    for turn in range(WARM_UP + TURNS):
        if turn >= WARM_UP + LEAST_TURNS and time.perf_counter() - start > LONGEST_SECONDS:
            break
        for count, calls in every.items():
            # The data of a call is prepared before its time is measured.
            call = calls[name]()
            call_start = time.perf_counter()
            call()
            if turn >= WARM_UP:
                seconds[count].append(time.perf_counter() - call_start)
    return {count: median(each) for count, each in seconds.items()}
