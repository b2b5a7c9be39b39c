"""A caller of the login RPCs, and the events of its streams."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
import pytest

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.errors import reason_of

CALL_TIMEOUT_SECONDS = 60.0
T = TypeVar("T")


def eventually(check: Callable[[], T | None], what: str, seconds: float = CALL_TIMEOUT_SECONDS) -> T:
    """What `check` gives as soon as it is true. Raises AssertionError if that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
    return found


def kind_of(event: pb.LoginEvent) -> str:
    return event.WhichOneof("event") or ""


def is_end(event: pb.LoginEvent) -> bool:
    return kind_of(event) in {"success", "failure"}


@dataclass
class Story:
    """A stream of LoginEvents, read as far as a test wants. `events` are those so far but the heartbeats."""

    call: Any
    events: list[pb.LoginEvent] = field(default_factory=list)
    heartbeats: list[pb.LoginEvent] = field(default_factory=list)

    def read(self) -> Iterator[pb.LoginEvent]:
        for event in self.call:
            if kind_of(event) == "heartbeat":
                self.heartbeats.append(event)
            else:
                self.events.append(event)
            yield event

    def until(self, wanted: Callable[[pb.LoginEvent], bool]) -> pb.LoginEvent:
        """Reads on to the first event that is `wanted`; an earlier end of the story is an error."""
        for event in self.read():
            if wanted(event):
                return event
            assert not is_end(event), event
        raise AssertionError("the stream ended without a last event")

    def until_qr(self) -> pb.LoginQrCode:
        return self.until(lambda event: kind_of(event) == "qr_code").qr_code

    def until_stage(self, stage: str) -> pb.LoginEvent:
        return self.until(lambda event: event.progress.stage == stage)

    def to_end(self) -> pb.LoginEvent:
        """Reads on to the last event and makes sure that nothing comes after it."""
        last = self.until(is_end)
        assert list(self.call) == []
        return last

    @property
    def key(self) -> str:
        return self.events[0].login_key

    @property
    def stages(self) -> list[str]:
        return [event.progress.stage for event in self.events if kind_of(event) == "progress"]

    @property
    def sequences(self) -> list[int]:
        return [event.sequence for event in self.events]


@dataclass
class Caller:
    stub: pb_grpc.WeChatCookieServiceStub
    token: str
    language: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"), ("accept-language", self.language))

    def start(self, request_id: str = "") -> Story:
        metadata = (*self.metadata, ("x-request-id", request_id))
        return Story(
            self.stub.StartLogin(pb.StartLoginRequest(), metadata=metadata, timeout=CALL_TIMEOUT_SECONDS)
        )

    def watch(self, key: str, after: int | None = None) -> Story:
        request = pb.WatchLoginRequest(login_key=key, after_sequence=after)
        return Story(self.stub.WatchLogin(request, metadata=self.metadata, timeout=CALL_TIMEOUT_SECONDS))

    def begin(self, inline_qr: bool | None = None) -> pb.BeginLoginResponse:
        request = pb.BeginLoginRequest(inline_qr=inline_qr)
        return self.stub.BeginLogin(request, metadata=self.metadata, timeout=CALL_TIMEOUT_SECONDS)

    def poll(self, key: str) -> pb.PollLoginResponse:
        return self.stub.PollLogin(pb.PollLoginRequest(login_key=key), metadata=self.metadata, timeout=10)

    def cancel(self, key: str) -> pb.CancelLoginResponse:
        return self.stub.CancelLogin(pb.CancelLoginRequest(login_key=key), metadata=self.metadata, timeout=10)


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str | None]:
    """Code and reason with which `call` is refused."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return refused.value.code(), reason_of(refused.value)
