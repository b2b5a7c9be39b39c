"""The events of one login as an iterator that a broken connection does not end."""

import logging
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc

from fastmp.client.errors import DeadlineExceededError, FastMPError, ThrottledError, UnavailableError
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reattachment:
    """How a broken stream is picked up: pauses that double from `first_seconds` to `longest_seconds`, each
    shortened at random by up to half, until nothing was heard for `patience_seconds`."""

    first_seconds: float = 0.2
    longest_seconds: float = 5.0
    patience_seconds: float = 60.0

    def pause(self, attempt: int) -> float:
        """Seconds before the attempt, from 1."""
        whole = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 32))
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - It spreads callers, and keeps no secret.


class LoginStream(Iterator[pb.LoginEvent]):
    """The events of a login, each once and without gap, up to its success or failure.

    When the connection breaks or the replica stops, the next event comes from another replica through WatchLogin;
    the caller notices nothing but the wait. Iterating raises FastMPError for anything else, and what broke the
    stream last when it could not be picked up again in time; iterating again then tries once more.

    The first event of a login that is started here must arrive before the stream can be picked up: if it does
    not, UnavailableError is raised, the login may have been started, and iterating again starts another.

    Closing it, or leaving it as a context manager, does not end the login. close() may be called from another
    thread; everything else belongs to one.
    """

    def __init__(
        self,
        stub: pb_grpc.WeChatCookieServiceStub,
        login_key: str = "",
        after_sequence: int = 0,
        *,
        heartbeats: bool = False,
        reattachment: Reattachment | None = None,
    ) -> None:
        """Without `login_key` the first event starts a login. With `heartbeats` these are passed on, too."""
        self._stub = stub
        self._login_key = login_key
        self._sequence = after_sequence
        self._heartbeats = heartbeats
        self._reattachment = reattachment or Reattachment()
        self._call: Any = None
        self._attempts = 0
        self._heard_at = time.monotonic()
        self._ended = False
        self._closed = threading.Event()

    @property
    def login_key(self) -> str:
        """What PollLogin, WatchLogin and CancelLogin call the login; empty before its first event."""
        return self._login_key

    @property
    def last_sequence(self) -> int:
        """The sequence of the last event that was passed on: where another WatchLogin would go on."""
        return self._sequence

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up; the iteration ends. Idempotent."""
        self._closed.set()
        call = self._call
        if call is not None:
            call.cancel()

    def __next__(self) -> pb.LoginEvent:
        while not (self._ended or self._closed.is_set()):
            try:
                event = self._receive()
            except FastMPError as error:
                if not self._closed.is_set():
                    self._recover(error)
                continue
            if self._heartbeats or not event.HasField("heartbeat"):
                return event
        raise StopIteration

    def _receive(self) -> pb.LoginEvent:
        if self._call is None:
            self._call = self._attach()
            if self._closed.is_set():
                # close() came too early to see the call.
                self._call.cancel()
        try:
            event: pb.LoginEvent = next(self._call)
        except StopIteration:
            raise _cut_short() from None
        self._attempts, self._heard_at = 0, time.monotonic()
        self._login_key, self._sequence = event.login_key, event.sequence
        self._ended = event.HasField("success") or event.HasField("failure")
        return event

    def _attach(self) -> Any:
        if not self._login_key:
            return self._stub.StartLogin(pb.StartLoginRequest())
        request = pb.WatchLoginRequest(login_key=self._login_key, after_sequence=self._sequence)
        return self._stub.WatchLogin(request)

    def _recover(self, error: FastMPError) -> None:
        """Waits for the next attempt. Raises `error` when there is none to make."""
        self._call = None
        silence = time.monotonic() - self._heard_at
        if not self._login_key or not self._passes(error) or silence > self._reattachment.patience_seconds:
            self._attempts, self._heard_at = 0, time.monotonic()
            raise error
        self._attempts += 1
        pause = self._reattachment.pause(self._attempts)
        if error.retry_after is not None:
            pause = max(pause, error.retry_after.total_seconds())
        _log.info(
            "login stream broke (%s), attempt %d in %.1f s",
            error.reason or error.code.name,
            self._attempts,
            pause,
        )
        self._closed.wait(pause)

    def _passes(self, error: FastMPError) -> bool:
        # The server may count the broken stream for a while; a caller that opens its first one has too many.
        too_many = isinstance(error, ThrottledError) and self._attempts > 0
        return too_many or isinstance(error, UnavailableError | DeadlineExceededError)


def _cut_short() -> UnavailableError:
    code = grpc.StatusCode.UNAVAILABLE
    return UnavailableError(code, "", "the stream ended before the login did")
