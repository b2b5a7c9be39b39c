"""How many threads work on logins; apart from the engine, so that settings are read without its imports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginThreads:
    """How many exchanges with WeChat run concurrently, and how often waiting threads wake up.

    1,000 pending logins at 1.75 s and answers of 100 ms need 57 threads for polls. A quiet stream has a heartbeat
    every `heartbeat_seconds`, the listening connection is tried every `beat_seconds`, and every `sweep_seconds`
    abandoned logins end and old ones go.
    """

    polls: int = 64
    acts: int = 16
    heartbeat_seconds: float = 12.0
    beat_seconds: float = 1.0
    sweep_seconds: float = 10.0
