"""Name resolution ends in time, whatever the system's resolver does."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.chassis.name_resolution import Resolver


class HangingLookups:
    """A getaddrinfo that answers only when released."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.calls = 0

    def __call__(self, *_args: Any, **_options: Any) -> list[Any]:
        self.calls += 1
        assert self.release.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingLookups]:
    lookups = HangingLookups()
    monkeypatch.setattr(socket, "getaddrinfo", lookups)
    yield lookups
    lookups.release.set()
    for thread in threading.enumerate():
        if thread.name == "resolver":
            thread.join(10)


def test_a_name_is_resolved() -> None:
    addresses = Resolver().addresses("127.0.0.1", 80, timeout=5)
    assert addresses[0][4] == ("127.0.0.1", 80)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid", "a..b"])
def test_a_name_that_does_not_exist_is_an_error_of_the_resolver(host: str) -> None:
    with pytest.raises(socket.gaierror):
        Resolver().addresses(host, 80, timeout=10)


def test_a_hanging_lookup_is_given_up_in_time_and_asked_once(hanging: HangingLookups) -> None:
    resolver = Resolver()
    start = time.monotonic()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            resolver.addresses("slow.example", 80, timeout=0.05)
    assert time.monotonic() - start < 2
    assert hanging.calls == 1
    hanging.release.set()
    assert resolver.addresses("slow.example", 80, timeout=5)


def test_hanging_lookups_of_many_names_do_not_pile_threads_up(hanging: HangingLookups) -> None:
    resolver = Resolver(most_threads=2)
    for name in ("a.example", "b.example"):
        with pytest.raises(TimeoutError):
            resolver.addresses(name, 80, timeout=0.05)
    with pytest.raises(socket.gaierror):
        resolver.addresses("c.example", 80, timeout=0.05)
    assert hanging.calls == 2
