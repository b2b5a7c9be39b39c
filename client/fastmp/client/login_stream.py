"""An iterator over the events of one login, which reconnects when the connection breaks."""

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
    """The policy for reconnecting a broken stream.

    Pauses double from `first_seconds` to `longest_seconds`, each shortened at random by up to half.
    `patience_seconds` is the timeout: the time without any event after which the stream fails.
    """

    first_seconds: float = 0.2
    longest_seconds: float = 5.0
    patience_seconds: float = 60.0

    def pause(self, attempt: int) -> float:
        """Returns the seconds to wait before an attempt; attempts are counted from 1."""
        whole = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 32))
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - not for cryptography


class LoginStream(Iterator[pb.LoginEvent]):
    """Iterates over the events of a login, each once and without gaps, up to its success or failure.

    When the connection breaks or the replica stops, the stream continues with WatchLogin at another replica; the
    caller notices only a delay. Iterating raises FastMPError for any other failure, and the last failure if the
    stream cannot be resumed within the timeout; iterating again then tries again.

    A stream that starts a login can be resumed only after its first event. If it breaks before, UnavailableError is
    raised: the login may have been started, and iterating again starts another.

    Closing the stream, or leaving it as a context manager, does not end the login. close() may be called from
    another thread; all other methods must be called from a single thread.
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
        """Without `login_key`, iterating starts a login. With `heartbeats`, heartbeats are returned, too."""
        self._stub = stub
        self._login_key = login_key
        self._sequence = after_sequence
        self._heartbeats = heartbeats
        self._reattachment = reattachment or Reattachment()
        self._call: Any = None
        self._attempts = 0
        self._last_event_at = time.monotonic()
        self._ended = False
        self._closed = threading.Event()

    @property
    def login_key(self) -> str:
        """The login's key for PollLogin, WatchLogin and CancelLogin; empty before its first event."""
        return self._login_key

    @property
    def last_sequence(self) -> int:
        """The sequence of the last event returned, from which another WatchLogin can continue."""
        return self._sequence

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnects and ends the iteration. Idempotent."""
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
                # close() was called before the call existed.
                self._call.cancel()
        try:
            event: pb.LoginEvent = next(self._call)
        except StopIteration:
            raise _ended_early() from None
        self._attempts, self._last_event_at = 0, time.monotonic()
        self._login_key, self._sequence = event.login_key, event.sequence
        self._ended = event.HasField("success") or event.HasField("failure")
        return event

    def _attach(self) -> Any:
        if not self._login_key:
            return self._stub.StartLogin(pb.StartLoginRequest())
        request = pb.WatchLoginRequest(login_key=self._login_key, after_sequence=self._sequence)
        return self._stub.WatchLogin(request)

    def _recover(self, error: FastMPError) -> None:
        """Waits before the next attempt. Raises `error` if the stream cannot be resumed."""
        self._call = None
        silence = time.monotonic() - self._last_event_at
        timeout = self._reattachment.patience_seconds
        if not self._login_key or not self._is_transient(error) or silence > timeout:
            self._attempts, self._last_event_at = 0, time.monotonic()
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

    def _is_transient(self, error: FastMPError) -> bool:
        # The server may still count the broken stream; at the first attempt, the caller really has too many.
        too_many = isinstance(error, ThrottledError) and self._attempts > 0
        return too_many or isinstance(error, UnavailableError | DeadlineExceededError)


def _ended_early() -> UnavailableError:
    code = grpc.StatusCode.UNAVAILABLE
    return UnavailableError(code, "", "the stream ended before the login did")
