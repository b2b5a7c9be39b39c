"""The simulation of many replicas: it agrees with what was measured on one machine, and with docs/scaling.md."""

from pathlib import Path

import pytest

from bench.scaling import scenarios
from bench.scaling.__main__ import tables
from bench.scaling.checks import TOLERANCE, Check, checks
from bench.scaling.costs import POLL_SECONDS, Load, Replicas
from bench.scaling.loop import Loop, Steps, Turns
from bench.scaling.model import System

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def compared() -> list[Check]:
    return checks()


def test_one_machine_is_simulated_as_it_was_measured(compared: list[Check]) -> None:
    far = [f"{one.name}: {one.difference:+.0%}" for one in compared if abs(one.difference) > TOLERANCE]
    assert far == []
    assert len(compared) == 7


def test_the_measured_figures_are_those_of_the_document(compared: list[Check]) -> None:
    text = (DOCS / "performance.md").read_text()
    assert [one.name for one in compared if one.row not in text] == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_documents_tables_are_those_of_the_simulation() -> None:
    text = (DOCS / "scaling.md").read_text()
    for name, table in tables().items():
        assert f"<!-- {name} -->\n{table}\n" in text, f"{name}: run python -m bench.scaling"


def test_turns_are_given_in_the_order_of_asking_and_never_more_than_there_are() -> None:
    loop = Loop()
    turns, order, most = Turns(loop, 2), [], [0]
    working = []

    def worker(number: int) -> Steps:
        yield turns
        working.append(number)
        most[0] = max(most[0], len(working))
        order.append((loop.now, number))
        yield 1.0
        working.remove(number)
        turns.release()

    for number in range(5):
        loop.start(worker(number), delay=0.1 * number)
    loop.run(10)
    assert [number for _, number in order] == [0, 1, 2, 3, 4]
    assert [round(time, 1) for time, _ in order] == [0.0, 0.1, 1.0, 1.1, 2.0]
    assert most == [2]
    assert loop.now == 10


def test_a_lost_replica_stops_no_poll_and_a_failover_delays_them_by_its_length() -> None:
    load = Load(logins=1, sign_ins=0, redemptions=0, reads=0)

    def lost(system: System) -> Steps:
        yield from scenarios.lose(system, "wechat_cookie")

    def failed_over(system: System) -> Steps:
        yield from scenarios.failover(system, "wechat_cookie")

    assert scenarios.event("lost", load, lost).longest_gap < 2 * POLL_SECONDS
    assert scenarios.event("failover", load, failed_over).longest_gap == pytest.approx(
        scenarios.FAILOVER_SECONDS, abs=3
    )


def test_fewer_replicas_than_the_load_needs_refuse_calls() -> None:
    load = Load(logins=0, sign_ins=20, redemptions=0, reads=0)
    enough, short = (scenarios.steady(load, Replicas(number, 1, 1)) for number in (3, 1))
    assert not enough.seen["sign-in refused"]
    assert short.seen["sign-in refused"]
