"""The events of a WeChat login over REST, reconnecting when the connection breaks."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastmp.cli.event_stream import events
from fastmp.cli.failures import RefusedError, UnreachableError
from fastmp.cli.rest import RestSession

START = "/cookie/login"
WATCH = "/cookie/watch"
# A heartbeat comes at least every 15 s.
SILENCE_SECONDS = 35.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
# A login that has ended can be watched for 10 minutes.
GIVE_UP_SECONDS = 600.0

Event = Mapping[str, Any]


class LoginFollower:
    """Starts one login and follows it to its end. `login_key` is None before its first event."""

    def __init__(
        self,
        rest: RestSession,
        on_connection: Callable[[bool], None],
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_connection` is called with False when the stream breaks, and with True when it is restored."""
        self.login_key: str | None = None
        self._rest = rest
        self._on_connection = on_connection
        self._pause = pause
        self._clock = clock
        self._sequence = 0

    def follow(self) -> Iterator[Event]:
        """Yields each event once and in order, without heartbeats, up to the success or failure.

        Raises RefusedError or UnreachableError if the login cannot be started or can no longer be followed.
        """
        pause_seconds = FIRST_PAUSE_SECONDS
        last_event_at = self._clock()
        while True:
            try:
                for event in self._attached():
                    pause_seconds, last_event_at = FIRST_PAUSE_SECONDS, self._clock()
                    if event["sequence"] <= self._sequence:
                        continue
                    self._sequence = event["sequence"]
                    yield event
                    if "success" in event or "failure" in event:
                        return
            except (UnreachableError, RefusedError) as error:
                # Starting a login is not safe to retry: without its key, it is unknown whether one was started.
                is_final = isinstance(error, RefusedError) and error.refusal.is_final
                if self.login_key is None or is_final or self._clock() - last_event_at > GIVE_UP_SECONDS:
                    raise
                pause_seconds = max(pause_seconds, _requested_pause(error))
            self._on_connection(False)
            self._pause(pause_seconds)
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)

    def _attached(self) -> Iterator[Event]:
        path, query = START, dict[str, str | int | None]()
        if self.login_key is not None:
            path, query = WATCH, {"login_key": self.login_key, "after_sequence": self._sequence}
        with self._rest.stream(path, query, SILENCE_SECONDS) as body:
            for event in events(body.pieces):
                if not isinstance(event.get("sequence"), int) or not event.get("login_key"):
                    raise UnreachableError("the server sent an event that is not understood")
                self._on_connection(True)
                self.login_key = str(event["login_key"])
                yield event
        raise UnreachableError("the event stream ended before the login did")


def _requested_pause(error: UnreachableError | RefusedError) -> float:
    return error.refusal.retry_after_seconds if isinstance(error, RefusedError) else 0
