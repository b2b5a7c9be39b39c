"""Pending logins on one replica, some of them watched through the gateway."""

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from tests.support.direct_calls import bearer, channels
from tests.support.ready_accounts import ReadyAccount

CONCURRENT_STARTS = 16
CALL_SECONDS = 60.0
SCANNED, CONFIRMED = "scanned", "confirmed"
# Limits and times that no measurement reaches.
ENVIRONMENT = {
    "MAX_STREAMS_PER_ACCOUNT": "20000",
    "LOGIN_START_LIMIT_PER_ACCOUNT": "1000000",
    "LOGIN_START_LIMIT_PER_WAY_OUT": "1000000",
    "MAX_LOGINS_PER_ACCOUNT": "10000",
    "ABANDONED_SECONDS": "7200",
    "QR_SECONDS": "3600",
}


class Logins:
    """Starts logins of one owner by direct gRPC, which then wait for their QR codes to be scanned."""

    def __init__(self, stack: LocalStack, owner: ReadyAccount) -> None:
        self._metadata = bearer(owner.token)
        self._held = ExitStack()
        (channel,) = self._held.enter_context(channels(stack, "wechat_cookie", 1))
        self._stub = pb_grpc.WeChatCookieServiceStub(channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def begin(self, count: int) -> list[str]:
        """Starts `count` logins, several concurrently, and returns their keys."""
        with ThreadPoolExecutor(CONCURRENT_STARTS) as pool:
            return list(pool.map(lambda _: self._begin(), range(count)))

    def begin_watched(self, wechat: EmulatorControl, count: int) -> list["WatchedScan"]:
        """Starts `count` logins one after the other, so that each can be identified at WeChat."""
        made = []
        for _ in range(count):
            key = self._begin()
            made.append(WatchedScan(wechat.logins()[-1].uuid, key))
        return made

    def _begin(self) -> str:
        request = pb.BeginLoginRequest(inline_qr=False)
        answer = self._stub.BeginLogin(request, metadata=self._metadata, timeout=CALL_SECONDS)
        if answer.status != "pending":
            raise RuntimeError(f"a login was not started: {answer.message}")
        return str(answer.login_key)


@contextmanager
def phone(stack: LocalStack) -> Iterator[EmulatorControl]:
    """Yields the control of the stack's WeChat emulator."""
    emulator = stack.wechat_emulator
    if emulator is None:
        raise RuntimeError("the stack has no emulated WeChat")
    with EmulatorControl(
        emulator.base_url, emulator.control_token, str(emulator.ca_file), timeout=30
    ) as control:
        yield control


@dataclass
class WatchedScan:
    """One login, watched through the gateway: when the phone was tapped, and when the event of each tap arrived.

    The keys of `tapped_at` and `seen_at` are the stages that the taps lead to.
    """

    uuid: str
    login_key: str
    tapped_at: dict[str, float] = field(default_factory=dict)
    seen_at: dict[str, float] = field(default_factory=dict)

    def follow(self, gateway_url: str, token: str) -> None:
        """Reads the stream of events up to the one that reports the confirmation."""
        url = urlsplit(gateway_url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=CALL_SECONDS)
        path = f"/cookie/watch?login_key={self.login_key}"
        connection.request("GET", path, headers={"authorization": f"Bearer {token}"})
        with connection.getresponse() as answer:
            while CONFIRMED not in self.seen_at and (line := answer.readline()):
                if line.startswith(b"data:") and (stage := _stage(line)) in {SCANNED, CONFIRMED}:
                    self.seen_at.setdefault(stage, time.monotonic())
        connection.close()

    def seconds(self, stage: str) -> float:
        """The time from the tap to its event. Raises RuntimeError if there was no event."""
        if stage not in self.tapped_at or stage not in self.seen_at:
            raise RuntimeError(f"the stage {stage} was not reported to the watching client")
        return self.seen_at[stage] - self.tapped_at[stage]


def _stage(line: bytes) -> str:
    return str(json.loads(line.removeprefix(b"data:")).get("progress", {}).get("stage", ""))
