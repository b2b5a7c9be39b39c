"""Numbers of threads for logins. Not in the engine, so that the settings do not import it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LoginThreads:
    """Numbers of concurrent exchanges with WeChat, and intervals of waiting threads.

    1,000 pending logins at 1.5 s and answers of 100 ms need 67 threads for polls. A quiet stream has a heartbeat
    every `heartbeat_seconds`, the listening connection is checked every `beat_seconds`, and every `sweep_seconds`
    abandoned logins are ended and old ones deleted.
    """

    polls: int = 72
    acts: int = 16
    heartbeat_seconds: float = 12.0
    beat_seconds: float = 1.0
    sweep_seconds: float = 10.0
