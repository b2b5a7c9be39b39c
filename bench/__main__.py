"""`make bench`: measures all figures or those named, and writes a table to the screen and to bench/results/."""

import argparse
import datetime
import sys
import time
from pathlib import Path

from bench.bench import Bench
from bench.figures import all_figures
from bench.measurement import Result
from bench.report import Report
from bench.versions import commit, machine, versions
from deploy.local.known_settings import forget_settings

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Runs the benchmarks and returns the exit code: 0 if every target is met."""
    figures = all_figures()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"one of {', '.join(figures)}; all by default"
    )
    names = parser.parse_args().names or list(figures)
    if unknown := [name for name in names if name not in figures]:
        parser.error(f"no such figure: {', '.join(unknown)}; there are {', '.join(figures)}")
    # The figures are for the default settings; those exported for `make run` must not change them.
    forget_settings()
    started_at, start = datetime.datetime.now(datetime.UTC), time.monotonic()
    # Before the first figure binds this process to one core.
    on = machine()
    results: list[Result] = []
    with Bench() as bench:
        for name in names:
            print(f"{time.monotonic() - start:6.0f} s  {name}", flush=True)
            results.extend(figures[name].measure(bench))
    results.sort(key=lambda result: result.number)
    report = Report(results, versions(), on, commit(), started_at, time.monotonic() - start)
    page = report.write(RESULTS)
    print(
        f"\n{report.table()}\n\n{report.details()}\n\n{page.relative_to(Path.cwd())}, {report.seconds:.0f} s"
    )
    return 0 if all(result.is_met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
