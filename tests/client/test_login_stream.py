"""A login's events come once each and without gap, however often the stream breaks."""

import datetime
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastmp.client import (
    NotFoundError,
    Reattachment,
    ThrottledError,
    TlsFiles,
    UnavailableError,
    WeChatCookieClient,
)
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.wechat_cookie.logins.errors import (
    LoginNotFoundError,
    ReplicaStoppingError,
    TooManyLoginsError,
)
from tests.client.conftest import TOKEN, Replica
from tests.support.waiting import wait_until

KEY = "0" * 32
LAST = 6
QUICK = Reattachment(first_seconds=0.01, longest_seconds=0.05, patience_seconds=20)


def event(sequence: int) -> pb.LoginEvent:
    """The event of that number: the last one is the success."""
    if sequence == LAST:
        return pb.LoginEvent(sequence=sequence, login_key=KEY, success=pb.LoginSuccess())
    progress = pb.LoginProgress(stage=f"stage {sequence}")
    return pb.LoginEvent(sequence=sequence, login_key=KEY, progress=progress)


def heartbeat(sequence: int) -> pb.LoginEvent:
    return pb.LoginEvent(sequence=sequence, login_key=KEY, heartbeat=pb.LoginHeartbeat())


class BrokenLogin:
    """A login whose stream breaks after every event with each of `breaks` in turn; None ends it without a word."""

    def __init__(self, *breaks: Exception | None) -> None:
        self._breaks = breaks or (ReplicaStoppingError(),)
        self._broken = 0
        self.asked: list[int] = []

    def start(self, _request: pb.StartLoginRequest) -> Iterator[pb.LoginEvent]:
        return self._one_event(1)

    def watch(self, request: pb.WatchLoginRequest) -> Iterator[pb.LoginEvent]:
        assert request.login_key == KEY
        self.asked.append(request.after_sequence)
        return self._one_event(request.after_sequence + 1)

    def _one_event(self, sequence: int) -> Iterator[pb.LoginEvent]:
        yield heartbeat(sequence - 1)
        yield event(sequence)
        if sequence < LAST:
            self._broken += 1
            failure = self._breaks[self._broken % len(self._breaks)]
            if failure is not None:
                raise failure


def serve(replica: Replica, login: BrokenLogin) -> None:
    replica.answers |= {"StartLogin": login.start, "WatchLogin": login.watch}


@pytest.mark.parametrize("breaks", [[ReplicaStoppingError()], [None], [ReplicaStoppingError(), None]])
def test_a_stream_that_breaks_after_every_event_is_whole(
    client: WeChatCookieClient, replica: Replica, breaks: list[Exception | None]
) -> None:
    login = BrokenLogin(*breaks)
    serve(replica, login)
    with client.start_login(reattachment=QUICK) as stream:
        seen = list(stream)
    assert [item.sequence for item in seen] == list(range(1, LAST + 1))
    assert seen[-1].HasField("success")
    assert login.asked == list(range(1, LAST))
    assert (replica.calls["StartLogin"], stream.login_key, stream.last_sequence) == (1, KEY, LAST)


def test_heartbeats_are_for_those_who_ask(client: WeChatCookieClient, replica: Replica) -> None:
    serve(replica, BrokenLogin())
    with client.watch_login(KEY, 3, reattachment=QUICK) as stream:
        assert [item.sequence for item in stream] == [4, 5, 6]
    with client.watch_login(KEY, 3, heartbeats=True, reattachment=QUICK) as stream:
        assert [item.sequence for item in stream] == [3, 4, 4, 5, 5, 6]


def test_the_stream_goes_on_at_another_replica(start_replica: Callable[..., Replica], tls: TlsFiles) -> None:
    replicas = [start_replica(), start_replica()]
    login = BrokenLogin()
    for replica in replicas:
        serve(replica, login)
    addresses = ",".join(f"127.0.0.1:{replica.port}" for replica in replicas)
    with (
        WeChatCookieClient(addresses, tls, access_token=TOKEN) as client,
        client.start_login(reattachment=QUICK) as stream,
    ):
        assert [item.sequence for item in stream] == list(range(1, LAST + 1))
    assert all(replica.calls.total() for replica in replicas)


def test_a_login_that_never_began_is_not_started_again(client: WeChatCookieClient, replica: Replica) -> None:
    def stop(_request: object) -> Iterator[pb.LoginEvent]:
        raise ReplicaStoppingError

    replica.answers["StartLogin"] = stop
    with client.start_login(reattachment=QUICK) as stream, pytest.raises(UnavailableError):
        next(stream)
    assert replica.calls == {"StartLogin": 1}


def test_somebody_elses_login_is_refused_at_once(client: WeChatCookieClient, replica: Replica) -> None:
    def refuse(_request: object) -> Iterator[pb.LoginEvent]:
        raise LoginNotFoundError

    replica.answers["WatchLogin"] = refuse
    with client.watch_login(KEY, reattachment=QUICK) as stream, pytest.raises(NotFoundError):
        next(stream)
    assert replica.calls["WatchLogin"] == 1


def test_a_full_house_is_waited_out_only_when_coming_back(
    client: WeChatCookieClient, replica: Replica
) -> None:
    full = TooManyLoginsError(retry_after=datetime.timedelta(seconds=1))
    times: list[float] = []

    def turned_away_once(request: pb.WatchLoginRequest) -> Iterator[pb.LoginEvent]:
        times.append(time.monotonic())
        if len(times) == 2:
            raise full
        return iter([event(request.after_sequence + 1)])

    replica.answers["WatchLogin"] = turned_away_once
    with client.watch_login(KEY, 4, reattachment=QUICK) as stream:
        assert [item.sequence for item in stream] == [5, 6]
    assert times[2] - times[1] >= 1

    def turned_away(_request: object) -> Iterator[pb.LoginEvent]:
        raise full

    replica.answers["WatchLogin"] = turned_away
    with client.watch_login(KEY, reattachment=QUICK) as stream, pytest.raises(ThrottledError):
        next(stream)


def test_a_stream_fails_after_the_timeout_without_any_event(
    client: WeChatCookieClient, replica: Replica
) -> None:
    def stop(request: pb.WatchLoginRequest) -> Iterator[pb.LoginEvent]:
        if request.after_sequence == 0:
            yield event(1)
        raise ReplicaStoppingError

    replica.answers["WatchLogin"] = stop
    short = Reattachment(first_seconds=0.01, longest_seconds=0.05, patience_seconds=0.5)
    seen: list[int] = []
    begin = time.monotonic()
    with (
        client.watch_login(KEY, reattachment=short) as stream,
        pytest.raises(UnavailableError) as caught,
    ):
        seen.extend(item.sequence for item in stream)
    assert caught.value.reason == "REPLICA_STOPPING"
    assert stream.last_sequence == 1
    assert time.monotonic() - begin >= 0.5
    assert replica.calls["WatchLogin"] > 2


@pytest.mark.parametrize("waiting", ["for an event", "to come back"])
def test_closing_ends_the_iteration_whatever_it_waits_for(
    client: WeChatCookieClient, replica: Replica, waiting: str
) -> None:
    hung_up = threading.Event()

    def stay(_request: object) -> Iterator[pb.LoginEvent]:
        yield event(1)
        if waiting == "to come back":
            raise ReplicaStoppingError
        hung_up.wait(60)

    replica.answers["WatchLogin"] = stay
    forever = Reattachment(first_seconds=3600, longest_seconds=3600)
    stream = client.watch_login(KEY, reattachment=forever)
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.extend(item.sequence for item in stream), daemon=True)
    reader.start()
    try:
        wait_until(lambda: stream.last_sequence == 1, "the first event has come")
        stream.close()
        reader.join(10)
        assert not reader.is_alive()
        assert seen == [1]
    finally:
        hung_up.set()


def test_pauses_double_up_to_the_longest() -> None:
    reattachment = Reattachment(first_seconds=1, longest_seconds=8)

    def pauses(attempt: int) -> list[float]:
        return [reattachment.pause(attempt) for _ in range(200)]

    for attempt, whole in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (5000, 8)):
        assert whole / 2 <= min(pauses(attempt)) < max(pauses(attempt)) <= whole


def test_no_secret_is_logged(
    client: WeChatCookieClient, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    serve(replica, BrokenLogin())
    with caplog.at_level("DEBUG"), client.start_login(reattachment=QUICK) as stream:
        list(stream)
    logged: list[Any] = [record for record in caplog.records if record.name.startswith("fastmp.client")]
    assert len(logged) == LAST - 1
    assert TOKEN not in caplog.text
    assert KEY not in "".join(record.getMessage() for record in logged)
