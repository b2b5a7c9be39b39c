"""A login that is followed through broken streams, over real HTTP."""

from typing import Any

import pytest

from fastmp.cli.failures import RefusedError, UnreachableError
from fastmp.cli.login_following import GIVE_UP_SECONDS, LoginFollower
from fastmp.cli.rest import RestSession
from tests.cli.scripted_server import Reply, ScriptedServer, event_stream, refusal, serving


def event(sequence: int, **content: Any) -> dict[str, Any]:
    return {"sequence": sequence, "login_key": "a key", **(content or {"progress": {"stage": "scanned"}})}


END: dict[str, Any] = {"success": {}}


class Following:
    """A follower and its output; its pauses take no time."""

    def __init__(self, server: ScriptedServer, seconds_per_pause: float = 0) -> None:
        self.pauses: list[float] = []
        self.connections: list[bool] = []
        self.rest = RestSession(server.url)
        self.follower = LoginFollower(
            self.rest,
            self.connections.append,
            pause=self.pauses.append,
            clock=lambda: len(self.pauses) * seconds_per_pause,
        )

    def sequences(self) -> list[int]:
        with self.rest:
            return [one["sequence"] for one in self.follower.follow()]


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_broken_stream_is_picked_up_after_the_last_event(is_cut: bool) -> None:
    first = event_stream(event(1), event(2), event(2, heartbeat={}), is_cut=is_cut)
    with serving(first, event_stream(event(2), event(3), event(4, **END))) as server:
        following = Following(server)
        assert following.sequences() == [1, 2, 3, 4]
    lines = [line for line, _ in server.requests]
    assert lines == ["GET /cookie/login", "GET /cookie/watch?login_key=a+key&after_sequence=2"]
    assert False in following.connections
    assert following.connections[-1]


@pytest.mark.parametrize(
    "first", [event_stream(), event_stream(is_cut=True), refusal(429, "TOO_MANY_LOGINS")]
)
def test_a_login_is_not_started_twice(first: Reply) -> None:
    with serving(first, event_stream(event(1, **END))) as server:
        with pytest.raises((UnreachableError, RefusedError)):
            Following(server).sequences()
        assert len(server.requests) == 1


def test_refusals_that_pass_are_waited_for_longer_and_longer() -> None:
    busy = refusal(503, "SERVICE_UNAVAILABLE")
    throttled = refusal(429, "TOO_MANY_STREAMS", RetryInfo={"retry_delay": "7s"})
    replies = [event_stream(event(1)), busy, busy, throttled, event_stream(event(2, **END))]
    with serving(*replies) as server:
        following = Following(server)
        assert following.sequences() == [1, 2]
    assert following.pauses == [0.5, 1.0, 2.0, 7.0]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_for_good_ends_it(status: int) -> None:
    with serving(event_stream(event(1)), refusal(status, "LOGIN_NOT_FOUND")) as server:
        with pytest.raises(RefusedError):
            Following(server).sequences()
        assert len(server.requests) == 2


def test_it_gives_up_when_the_login_cannot_be_there_any_more() -> None:
    with serving(event_stream(event(1)), *[refusal(503, "SERVICE_UNAVAILABLE")] * 5) as server:
        following = Following(server, seconds_per_pause=GIVE_UP_SECONDS / 2)
        with pytest.raises(RefusedError):
            following.sequences()
    assert len(following.pauses) == 3


@pytest.mark.parametrize("strange", [{}, {"sequence": "1", "login_key": "k"}, {"sequence": 1}])
def test_an_event_without_sequence_or_key_is_no_crash(strange: dict[str, Any]) -> None:
    with serving(event_stream(strange)) as server, pytest.raises(UnreachableError):
        Following(server).sequences()
