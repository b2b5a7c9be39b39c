"""A Lifecycle: parts in order, then the server; backwards at the end, and when a start fails."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import cast

import pytest

from services.chassis.grpc_server.server import Server
from services.chassis.lifecycle import Lifecycle
from tests.support.waiting import wait_until


class World:
    """Parts and a server that record calls, and raise where configured."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failing: set[str] = set()
        parts = (PretendedPart("first", self), PretendedPart("second", self))
        resources = (lambda: self.do("close channel"), lambda: self.do("close database"))
        self.lifecycle = Lifecycle(cast("Server", PretendedPart("server", self)), parts, resources)

    def do(self, what: str) -> None:
        self.done.append(what)
        if what in self.failing:
            raise ZeroDivisionError


class PretendedPart:
    def __init__(self, name: str, world: World) -> None:
        self._name = name
        self._world = world

    def start(self) -> None:
        self._world.do(f"start {self._name}")

    def stop(self, drain_seconds: float | None = None) -> None:
        self._world.do(f"stop {self._name}" + ("" if drain_seconds is None else f" in {drain_seconds}"))


STARTED = ["start first", "start second", "start server"]
CLOSED = ["close channel", "close database"]


@pytest.fixture
def world() -> World:
    return World()


def test_parts_start_in_order_and_stop_in_reverse(world: World) -> None:
    world.lifecycle.start()
    assert world.done == STARTED
    world.lifecycle.stop(3)
    assert world.done[3:] == ["stop server in 3", "stop second", "stop first", *CLOSED]


def test_a_part_that_does_not_start_has_everything_before_it_stopped(world: World) -> None:
    world.failing = {"start second"}
    with pytest.raises(ZeroDivisionError):
        world.lifecycle.start()
    assert world.done[2:] == ["stop server in 0", "stop second", "stop first", *CLOSED]


def test_a_server_that_does_not_start_has_all_parts_stopped(world: World) -> None:
    world.failing = {"start server"}
    with pytest.raises(ZeroDivisionError):
        world.lifecycle.start()
    assert world.done[3:] == ["stop server in 0", "stop second", "stop first", *CLOSED]


@pytest.mark.parametrize("failing", ["stop server in 0", "stop second", "close channel"])
def test_a_part_that_does_not_stop_keeps_no_other_from_it(world: World, failing: str) -> None:
    world.lifecycle.start()
    world.failing = {failing}
    with pytest.raises(ZeroDivisionError):
        world.lifecycle.stop(0)
    assert world.done[3:] == ["stop server in 0", "stop second", "stop first", *CLOSED]


def test_what_never_started_is_closed_when_it_is_stopped(world: World) -> None:
    world.lifecycle.stop(0)
    assert world.done == ["stop server in 0", *CLOSED]


def test_stopping_twice_stops_the_parts_once(world: World) -> None:
    world.lifecycle.start()
    world.lifecycle.stop(0)
    world.lifecycle.stop(0)
    assert [done for done in world.done if done.startswith(("stop first", "close"))] == [
        "stop first",
        *CLOSED,
    ]


@pytest.fixture
def own_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_what_runs(world: World, own_signals: None, number: signal.Signals) -> None:
    def terminate() -> None:
        wait_until(lambda: world.done == STARTED)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=terminate)
    thread.start()
    world.lifecycle.run_until_terminated(2)
    thread.join()
    assert world.done[3:] == ["stop server in 2", "stop second", "stop first", *CLOSED]
