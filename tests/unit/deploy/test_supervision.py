"""When the supervisor restarts a process that has died, and when it gives up. The time is the test's."""

from dataclasses import dataclass, field

import pytest

from deploy.local.errors import LocalStackError
from deploy.local.supervision import Supervisor


@dataclass
class Dead:
    """A process that has died."""

    name: str

    def ending(self) -> str:
        return f"{self.name} has ended (SIGKILL)"


@dataclass
class Stack:
    """Notes the restarts with their times; a process in `missing` cannot be started."""

    seconds: float = 1000.0
    down: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    restarts: list[tuple[str, float]] = field(default_factory=list)

    def dead(self) -> list[Dead]:
        return [Dead(name) for name in sorted(self.down)]

    def relaunch(self, name: str) -> None:
        self.restarts.append((name, self.seconds - 1000.0))
        if name in self.missing:
            raise LocalStackError(f"{name} could not be started\nits log")
        self.down.remove(name)


@pytest.fixture
def stack() -> Stack:
    return Stack()


@pytest.fixture
def supervisor(stack: Stack) -> Supervisor:
    return Supervisor(stack, clock=lambda: stack.seconds)  # type: ignore[arg-type]


def run(supervisor: Supervisor, stack: Stack, seconds: float) -> None:
    """Lets time pass, in steps of a quarter of a second."""
    for _ in range(int(seconds * 4)):
        supervisor.run_if_due()
        stack.seconds += 0.25


def test_the_first_restart_is_immediate_and_later_ones_wait_longer_and_longer(
    supervisor: Supervisor, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    run(supervisor, stack, 1)
    assert stack.restarts == []
    for _ in range(4):
        stack.down = {"identity"}
        run(supervisor, stack, 6)
    died = (1, 7, 13, 19)
    pauses = [at - death for (_, at), death in zip(stack.restarts, died, strict=True)]
    assert pauses == [0.25, 1, 2, 4]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "FastMP: identity has ended (SIGKILL); it is restarted now"
    assert lines[3] == "FastMP: identity has ended (SIGKILL); it is restarted in 4 s"
    assert len(lines) == 4


def test_the_fifth_death_within_a_minute_ends_it_with_one_line(supervisor: Supervisor, stack: Stack) -> None:
    for _ in range(4):
        stack.down = {"gateway"}
        run(supervisor, stack, 14.75)
    stack.down = {"gateway"}
    with pytest.raises(LocalStackError) as failure:
        supervisor.run_if_due()
    assert (
        str(failure.value)
        == "gateway has ended (SIGKILL), for the 5th time within 60 s: everything is stopped"
    )


def test_deaths_a_minute_ago_are_forgotten(supervisor: Supervisor, stack: Stack) -> None:
    for _ in range(20):
        stack.down = {"identity"}
        run(supervisor, stack, 15)
    assert len(stack.restarts) == 20


def test_each_process_has_its_own_count(supervisor: Supervisor, stack: Stack) -> None:
    for _ in range(4):
        stack.down = {"identity", "activation", "postgres"}
        run(supervisor, stack, 6)
    assert len(stack.restarts) == 12


def test_one_that_cannot_be_started_counts_as_dead_while_others_are_restarted(
    supervisor: Supervisor, stack: Stack
) -> None:
    stack.down, stack.missing = {"identity", "postgres"}, {"postgres"}
    with pytest.raises(
        LocalStackError, match=r"^postgres could not be started, for the 5th time within 60 s"
    ):
        run(supervisor, stack, 60)
    assert [name for name, _ in stack.restarts] == ["identity", *["postgres"] * 4]
