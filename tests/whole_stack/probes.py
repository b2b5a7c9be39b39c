"""Callers that use one token over and over, at each service and over both transports, and note what came of it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc
import requests

from services.chassis.errors import reason_of
from tests.support.waiting import wait_until

PAUSE_SECONDS = 0.01
CALL_SECONDS = 5.0
LET_IN = "let in"
# How often a token must have worked before it counts as known to the service's memory.
WARM = 5


@dataclass(frozen=True)
class Attempt:
    """One call: when it began (of the monotonic clock), and what came of it: LET_IN, or why not."""

    began: float
    outcome: str


@dataclass
class Probe:
    """One caller; `call` makes one call and raises when it is refused."""

    name: str
    call: Callable[[], object]
    attempts: list[Attempt] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(PAUSE_SECONDS):
            began = time.monotonic()
            self.attempts.append(Attempt(began, outcome_of(self.call)))

    def outcomes_since(self, moment: float) -> list[str]:
        """What came of the calls that began after `moment`."""
        return [attempt.outcome for attempt in self.attempts if attempt.began > moment]

    def trusted_for(self, moment: float) -> float:
        """For how many seconds after `moment` a call could begin that was let in."""
        let_in = [attempt.began for attempt in self.attempts if attempt.outcome == LET_IN]
        return max(max(let_in) - moment, 0.0)


class Probing:
    """Probes at work while the block runs. It begins when each of them is known to its service."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self.probes = probes
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=probe.run, args=(self._stop,)) for probe in probes]

    def __enter__(self) -> "Probing":
        for thread in self._threads:
            thread.start()
        try:
            for probe in self.probes:
                wait_until(lambda probe=probe: len(probe.attempts) >= WARM, f"{probe.name} is warm")  # type: ignore[misc]
                assert {attempt.outcome for attempt in probe.attempts} == {LET_IN}, probe.name
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_until_all_began_after(self, moment: float) -> None:
        """Returns when each probe has the outcome of a call that began after `moment`."""
        for probe in self.probes:
            wait_until(
                lambda probe=probe: bool(probe.outcomes_since(moment)),  # type: ignore[misc]
                f"{probe.name} has called again",
                4 * CALL_SECONDS,
            )


def outcome_of(call: Callable[[], object]) -> str:
    """LET_IN, or code and reason of the refusal."""
    try:
        answer = call()
    except grpc.RpcError as error:
        return f"{error.code().name} {reason_of(error)}"
    if isinstance(answer, requests.Response) and not answer.ok:
        reasons = [detail.get("reason") for detail in answer.json().get("details", [])]
        return f"{answer.status_code} {next((reason for reason in reasons if reason), '')}"
    return LET_IN
