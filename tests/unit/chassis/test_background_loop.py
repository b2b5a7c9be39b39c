"""A BackgroundLoop: survives failures, backs off, is woken, stops, and says when it last succeeded."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import structlog
from prometheus_client import CollectorRegistry

from services.chassis.background_loop import LAST_SUCCESS, BackgroundLoop
from services.chassis.errors import DatabaseUnavailableError
from tests.support.waiting import wait_until

LONG = 3600.0
Start = Callable[..., BackgroundLoop]


class Step:
    """Counts its runs, and does in each what the test puts into `do`."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.do: Callable[[], float | None] = lambda: None

    def __call__(self) -> float | None:
        self.times.append(time.monotonic())
        return self.do()

    @property
    def runs(self) -> int:
        return len(self.times)

    def fail(self, error: Exception) -> None:
        def do() -> float | None:
            raise error

        self.do = do


@pytest.fixture
def step() -> Step:
    return Step()


@pytest.fixture
def start(step: Step, request: pytest.FixtureRequest) -> Iterator[Start]:
    loops = []

    def start(interval_seconds: float = LONG, **options: object) -> BackgroundLoop:
        loop = BackgroundLoop(request.node.name, step, interval_seconds, **options)  # type: ignore[arg-type]
        loops.append(loop)
        loop.start()
        return loop

    yield start
    for loop in loops:
        loop.stop()
    assert request.node.name not in {thread.name for thread in threading.enumerate()}


def last_success(name: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(LAST_SUCCESS)
    return registry.get_sample_value("background_loop_last_success_timestamp_seconds", {"loop": name})


def test_the_step_is_repeated_at_the_interval(step: Step, start: Start) -> None:
    start(0.01)
    wait_until(lambda: step.runs >= 3)


def test_the_step_may_say_how_long_to_pause(step: Step, start: Start) -> None:
    step.do = lambda: 0.01
    start(LONG)
    wait_until(lambda: step.runs >= 3)


@pytest.mark.parametrize("error", [DatabaseUnavailableError(), ZeroDivisionError(), RuntimeError("x")])
def test_no_exception_ends_the_loop(step: Step, start: Start, error: Exception) -> None:
    step.fail(error)
    start(0.01, most_retry_seconds=0.01)
    wait_until(lambda: step.runs >= 3)
    step.do = lambda: None
    failed = step.runs
    wait_until(lambda: step.runs >= failed + 3)


def test_failures_are_logged_with_their_place_and_without_their_message(step: Step, start: Start) -> None:
    step.fail(ValueError("a secret"))
    with structlog.testing.capture_logs() as log:
        start()
        wait_until(lambda: log)
    line = log[0]
    assert (line["event"], line["error"]) == ("background_loop_failed", "ValueError")
    assert "raise error" in line["traceback"]
    assert "secret" not in str(log)


def test_the_pauses_after_failures_double_up_to_a_bound_and_begin_again_after_a_success(
    step: Step, start: Start
) -> None:
    step.fail(ZeroDivisionError())
    with structlog.testing.capture_logs() as log:
        start(0.01, most_retry_seconds=0.4)
        wait_until(lambda: step.runs >= 4)
        step.do = lambda: None
        wait_until(lambda: step.runs >= 7)
        step.fail(ZeroDivisionError())
        wait_until(lambda: log[-1]["retry_seconds"] == 0.25)
    assert [line["retry_seconds"] for line in log[:3]] == [0.25, 0.4, 0.4]
    assert step.times[1] - step.times[0] >= 0.25


def test_waking_begins_the_next_step(step: Step, start: Start) -> None:
    loop = start()
    wait_until(lambda: step.runs == 1)
    loop.wake()
    wait_until(lambda: step.runs == 2)


def test_a_wake_during_a_step_leads_to_another_step(step: Step, start: Start) -> None:
    begun, release = threading.Event(), threading.Event()

    def do() -> None:
        begun.set()
        release.wait(10)

    step.do = do
    loop = start()
    assert begun.wait(10)
    loop.wake()
    release.set()
    wait_until(lambda: step.runs == 2)


def test_wakes_within_the_delay_lead_to_one_step(step: Step, start: Start) -> None:
    loop = start(wake_delay_seconds=0.2)
    wait_until(lambda: step.runs == 1)
    woken_at = time.monotonic()
    loop.wake()
    while step.runs == 1:
        loop.wake()
    assert step.times[1] - woken_at >= 0.2


def test_waking_does_not_shorten_the_pause_after_a_failure(step: Step, start: Start) -> None:
    step.fail(ZeroDivisionError())
    loop = start()
    wait_until(lambda: step.runs == 1)
    while step.runs == 1:
        loop.wake()
    assert step.times[1] - step.times[0] >= 0.25


@pytest.mark.parametrize("fails", [True, False])
def test_stopping_waits_for_no_pause(step: Step, start: Start, fails: bool) -> None:
    if fails:
        step.fail(ZeroDivisionError())
    loop = start(wake_delay_seconds=LONG)
    wait_until(lambda: step.runs >= (3 if fails else 1))
    before = time.monotonic()
    loop.stop()
    # The third pause after a failure is a second, and the interval is an hour.
    assert time.monotonic() - before < 0.5


def test_stopping_interrupts_a_step_that_blocks(step: Step, start: Start) -> None:
    interrupted = threading.Event()

    def do() -> None:
        assert interrupted.wait(60)
        raise ConnectionError

    step.do = do
    with structlog.testing.capture_logs() as log:
        loop = start(interrupt=interrupted.set)
        wait_until(lambda: step.runs == 1)
        loop.stop()
    assert loop.is_stopping
    assert [line["log_level"] for line in log] == ["debug"]


def test_stopping_gives_a_step_that_does_not_end_up(step: Step, start: Start) -> None:
    release = threading.Event()
    step.do = lambda: LONG if release.wait(60) else None
    loop = start()
    wait_until(lambda: step.runs == 1)
    with structlog.testing.capture_logs() as log:
        loop.stop(seconds=0.05)
    assert [line["event"] for line in log] == ["background_loop_still_running"]
    release.set()


def test_a_loop_that_never_started_can_be_stopped(step: Step) -> None:
    BackgroundLoop("unstarted", step, LONG).stop()
    assert step.runs == 0


def test_the_metric_says_when_the_loop_last_succeeded(
    step: Step, start: Start, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    step.fail(ZeroDivisionError())
    loop = start(0.01)
    wait_until(lambda: step.runs == 1)
    assert last_success(name) == 0
    before = time.time()
    step.do = lambda: LONG
    wait_until(lambda: last_success(name))
    first = last_success(name)
    assert first is not None
    assert before <= first <= time.time()

    step.fail(ZeroDivisionError())
    runs = step.runs
    loop.wake()
    wait_until(lambda: step.runs > runs)
    assert last_success(name) == first
