"""Growth with the size of the tables: stacks with 10,000, 100,000 and 1,000,000 rows of each kind."""

import contextlib
import os

from bench.bench import Bench
from bench.data import filled_stack
from bench.growing.export import measure_export
from bench.growing.growth import measure_growth
from bench.growing.pages import measure_pages
from bench.measurement import Result

NUMBERS = (7, 8, 11)
SIZES = (10_000, 100_000, 1_000_000)


def measure(bench: Bench) -> list[Result]:
    """Measures the export and the pages of a million codes, then every RPC on all three stacks in turn."""
    os.sched_setaffinity(0, bench.cores.both)
    with contextlib.ExitStack() as held:
        stacks = {count: held.enter_context(filled_stack(bench, count)) for count in SIZES}
        largest = stacks[max(SIZES)]
        admin = bench.accounts_of(largest).admin()
        return [
            *measure_export(largest, admin.token),
            *measure_pages(largest, admin.token),
            *measure_growth(bench, stacks),
        ]
