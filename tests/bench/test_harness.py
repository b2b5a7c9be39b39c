"""The harness of the benchmarks measures what it says: counts, failures, ratios, cores. No time is judged here."""

import functools
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.bench import Bench, ServerProcess
from bench.ceilings.serving import path_of
from bench.figures import all_figures
from bench.load.connection import LoadConnection
from bench.load.driving import FailedCallsError, drive, repeated
from bench.load.frames import grpc_call
from bench.measurement import Result, at_least, at_most, interleave, median, percentile
from bench.processes import pin
from bench.report import Report
from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.mutual_tls import TlsFiles

CALLS = 500


@pytest.fixture
def echo(certificates: Mapping[str, TlsFiles]) -> Iterator[ServerProcess]:
    files = certificates["identity"]
    paths = [str(path) for path in (files.ca_file, files.certificate_file, files.key_file)]
    command = [sys.executable, "-m", "bench.ceilings.echo", *paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield ServerProcess(f"127.0.0.1:{process.stdout.readline().strip()}", (process.pid,))
        finally:
            process.terminate()


def test_a_load_makes_each_of_its_calls_once_and_counts_the_answers(
    echo: ServerProcess, certificates: Mapping[str, TlsFiles]
) -> None:
    connect = functools.partial(LoadConnection, echo.address, certificates["gateway"], "identity")
    message = pb.Account(email="long enough " * 20).SerializeToString()
    calls = itertools.islice(repeated([grpc_call(path_of("Echo"), message, "t" * 150)]), CALLS)

    run = drive(connect, calls, echo.cpu_seconds, seconds=60, in_flight=8, connections=2)

    assert (run.calls, run.failures, len(run.latencies)) == (CALLS, 0, CALLS)
    assert 0 < min(run.latencies) <= max(run.latencies) <= run.seconds
    assert run.cpu_seconds > 0


def test_a_refused_call_is_a_failure(echo: ServerProcess, certificates: Mapping[str, TlsFiles]) -> None:
    connect = functools.partial(LoadConnection, echo.address, certificates["gateway"], "identity")
    unknown = [grpc_call(path_of("Nothing"), b"")] * 3
    run = drive(connect, unknown, echo.cpu_seconds, seconds=60, in_flight=1, connections=1, may_fail=True)
    assert (run.calls, run.failures) == (0, 3)
    with pytest.raises(FailedCallsError):
        drive(connect, unknown, echo.cpu_seconds, seconds=60, in_flight=1, connections=1)


def test_every_thread_of_a_pinned_process_is_on_its_core(echo: ServerProcess) -> None:
    [pid] = echo.pids
    core = min(os.sched_getaffinity(0))
    pin(pid, {core})
    threads = [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]
    assert len(threads) > 1
    assert {frozenset(os.sched_getaffinity(thread)) for thread in threads} == {frozenset({core})}


def test_runs_take_turns_and_none_is_always_first() -> None:
    order: list[str] = []
    runs = {name: functools.partial(order.append, name) for name in ("one", "two")}
    assert interleave(runs, rounds=3) == {"one": [None] * 3, "two": [None] * 3}
    assert order == ["one", "two", "one", "two", "two", "one", "one", "two"]


def test_medians_and_percentiles_are_the_nearest_ranks() -> None:
    assert median([5, 1, 3]) == 3
    assert percentile(list(range(1, 101)), 0.99) == 100
    assert percentile([7], 0.99) == 7


def test_the_report_tells_ratio_target_and_whether_it_is_met(tmp_path: Path) -> None:
    results = [
        Result(1, "fast", 50, 100, "calls/s", at_least(0.6), "half"),
        Result(6, "slow", 300, 100, "ms", at_most(4)),
        Result(12, "alone", 7, None, "s", at_most(6)),
    ]
    start = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    report = Report(results, {"Python": "3"}, {"cores": 2, "memory_mib": 1}, "abc", start, 9)
    page = report.write(tmp_path)
    assert page.read_text().splitlines()[4:9] == report.table().splitlines()
    assert [line.split("|")[5:8] for line in report.table().splitlines()[2:]] == [
        [" 0.50  ", " ≥ 0.6  ", " NO  "],
        [" 3.00  ", " ≤ 4    ", " yes "],
        [" –     ", " ≤ 6    ", " NO  "],
    ]
    stored = json.loads(page.with_suffix(".json").read_text())
    assert [(one["number"], one["ratio"], one["met"]) for one in stored["results"]] == [
        (1, 0.5, False),
        (6, 3.0, True),
        (12, None, False),
    ]


def test_every_figure_is_found_and_names_its_targets() -> None:
    figures = all_figures()
    assert {"signed_in_call", "reads", "activate", "gateway", "sign_in", "generate_codes"} <= set(figures)
    assert all(set(figure.NUMBERS) <= set(range(1, 14)) for figure in figures.values())


def test_without_a_figure_nothing_is_started() -> None:
    with Bench() as bench:
        assert bench.cores.both <= os.sched_getaffinity(0)
