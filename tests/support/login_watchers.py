"""People in front of a login: each follows its events through the gateway and picks it up again when cut off."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.support.gateway_calls import GatewayCaller, StreamRefusedError

PAUSE_SECONDS = 0.2
START = "/cookie/login"
WATCH = "/cookie/watch"


@dataclass
class WatchedLogin:
    """What one person saw. `events` are those with news, heartbeats left out; the last says success or failure.

    `refusals` are answers other than an event stream; `cuts` how often a stream ended before the login did;
    `gave_up` is whether it took too long, or was refused for certain.
    """

    login_key: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    cuts: int = 0
    gave_up: bool = False

    @property
    def sequences(self) -> list[int]:
        return [int(event["sequence"]) for event in self.events]

    @property
    def is_whole(self) -> bool:
        """Whether the events came from the first on, without gap or repeat, and ended with one end."""
        ends = [event for event in self.events if "success" in event or "failure" in event]
        return (
            self.sequences == list(range(1, len(self.events) + 1))
            and len(ends) == 1
            and ends[0] is self.events[-1]
        )

    @property
    def end(self) -> dict[str, Any] | None:
        """The last event, once the login has ended."""
        last = self.events[-1] if self.events else {}
        return last if "success" in last or "failure" in last else None

    @property
    def token(self) -> str | None:
        """The new cookie's token, after a success; None when the cookie had gone again by then."""
        success = (self.end or {}).get("success", {})
        return str(success["cookie"]["token"]) if "cookie" in success else None

    @property
    def name(self) -> str:
        """The official account's name, after a success that contained it."""
        success = (self.end or {}).get("success", {})
        return str(success.get("cookie", {}).get("name", ""))

    @property
    def failure(self) -> str | None:
        """The reason of a failure."""
        failure = (self.end or {}).get("failure")
        return None if failure is None else str(failure["reason"])


class LoginWatcher:
    """One person on one thread. `on_event` is called with each event with news, immediately and on that thread."""

    def __init__(
        self,
        gateway_url: str,
        token: str,
        on_event: Callable[[WatchedLogin, dict[str, Any]], None],
        seconds: float,
    ) -> None:
        """Gives the login up `seconds` after the start."""
        self.login = WatchedLogin()
        self._caller = GatewayCaller(gateway_url, token)
        self._on_event = on_event
        self._seconds = seconds
        self._leaving = False
        self._thread = threading.Thread(target=self._follow, name="login-watcher")

    def start(self) -> None:
        """Starts the login and the thread that follows it."""
        self._thread.start()

    def leave(self) -> None:
        """Closes the page: the client ends the stream and does not resume it."""
        self._leaving = True

    def join(self) -> WatchedLogin:
        """What was seen, once the login has ended or was given up."""
        self._thread.join()
        return self.login

    def _follow(self) -> None:
        give_up_at = time.monotonic() + self._seconds
        with self._caller:
            while self.login.end is None:
                self._attach()
                if self.login.end is not None or self.login.gave_up or self._leaving:
                    return
                if time.monotonic() > give_up_at:
                    self.login.gave_up = True
                    return
                time.sleep(PAUSE_SECONDS)

    def _attach(self) -> None:
        login = self.login
        after = login.sequences[-1] if login.events else 0
        query: dict[str, str | int] = {"login_key": login.login_key, "after_sequence": after}
        path = WATCH if login.login_key else START
        try:
            for event in self._caller.events(path, **(query if login.login_key else {})):
                login.login_key = str(event["login_key"])
                if "heartbeat" not in event:
                    login.events.append(event)
                    self._on_event(login, event)
                if self._leaving:
                    return
            login.cuts += login.end is None
        except StreamRefusedError as error:
            login.refusals.append(str(error))
            # After a definite refusal, the person does not ask again.
            login.gave_up = error.answer.is_refusal
        except requests.RequestException as error:
            login.cuts += 1
            if not login.login_key or isinstance(error, requests.ConnectTimeout):
                login.refusals.append(type(error).__name__)
