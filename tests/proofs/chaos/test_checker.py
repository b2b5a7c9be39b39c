"""The checker finds nothing after a quiet load, and each deliberate fault as exactly what it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proofs.chaos.breaking import broken
from tests.proofs.chaos.invariants import INVARIANTS
from tests.proofs.chaos.record import Outcome
from tests.proofs.chaos.run import Chaos, chaos
from tests.proofs.chaos.schedule import Kind, schedule

MEMBERS = 2
# One stack, so one worker.
pytestmark = pytest.mark.xdist_group("chaos")


@pytest.fixture(scope="module")
def rested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """A small stack after a load in which everything was done, at rest again."""
    state: Path = tmp_path_factory.mktemp("chaos") / "state"
    with chaos(state, {}, abandoned_seconds=2) as running:
        running.quiet(members=MEMBERS)
        running.rest(lambda _sentence: None)
        yield running


@pytest.mark.timeout(240)
def test_nothing_is_violated_after_a_quiet_load(rested: Chaos) -> None:
    assert rested.check() == []
    done = {
        call for (call, outcome), count in rested.record.calls.items() if outcome is Outcome.YES and count
    }
    assert done >= {
        "activate",
        "acquire",
        "change cookie",
        "delete account",
        "delete cookie",
        "generate",
        "log out",
        "login: scan and confirm",
        "register",
        "sign in",
    }


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_the_checker_sees_a_deliberate_fault_as_what_it_is(rested: Chaos, invariant: str) -> None:
    found = broken(rested.stack, rested.record, invariant)
    assert {violation.invariant for violation in found} == {invariant}
    # Nothing of the fault is left.
    assert rested.check() == []


def test_a_schedule_is_repeatable_and_has_everything_in_it() -> None:
    planned = schedule(seed=42, seconds=600)
    assert planned == schedule(seed=42, seconds=600) != schedule(seed=43, seconds=600)
    assert {disturbance.kind for disturbance in planned} == set(Kind) - {Kind.CUT}
    assert {"postgres", "gateway", "identity-2"} <= {disturbance.target for disturbance in planned}
    failing_over = schedule(seed=42, seconds=600, fails_over=True)
    assert {disturbance.kind for disturbance in failing_over} == set(Kind)
    targets = {disturbance.target for disturbance in failing_over}
    assert "postgres" not in targets
    assert "primary" in targets
