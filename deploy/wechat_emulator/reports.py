"""What the control API tells about the emulator's state."""

from dataclasses import dataclass
from typing import Any, Literal

Stage = Literal[
    "created", "qr_issued", "scanned", "confirmed", "cancelled", "expired", "cannot_login", "logged_in"
]


@dataclass(frozen=True, slots=True)
class LoginReport:
    """One login as WeChat sees it.

    `ticket` is the current QR's, empty before the first. `at` is CLOCK_MONOTONIC in seconds
    (`time.monotonic()`, comparable across the processes of a machine) when this report was made: after an act
    of the phone, the moment of that act.
    """

    uuid: str
    ticket: str
    stage: Stage
    status: int
    account: str | None
    qr_codes: int
    asks: int
    at: float


@dataclass(frozen=True, slots=True)
class AccountReport:
    """An official account: `original_id` is `gh_` + 12 hex digits, `bizuin` has 10 digits."""

    name: str
    original_id: str
    bizuin: int
    alias: str
    head_image: str


@dataclass(frozen=True, slots=True)
class SessionReport:
    """A session that a login ended in. `cookies` holds the true values: a test can look for them in logs."""

    token: str
    login: str
    account: str
    original_id: str
    alive: bool
    expires: float
    data_calls: int
    cookies: dict[str, str]


@dataclass(frozen=True, slots=True)
class CountersReport:
    """Requests by endpoint (`/path?action=value`; those of unknown paths under `other`), faults carried out
    by kind, and the TCP connections open now, the asking one included."""

    requests: dict[str, int]
    faults: dict[str, int]
    open_connections: int
    logins: int
    sessions: int


@dataclass(frozen=True, slots=True)
class RequestReport:
    """A request as it arrived, kept while the knob `record_requests` is on (the last 1,000)."""

    at: float
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]
    cookies: dict[str, str]


def as_json(report: Any) -> dict[str, Any]:
    """A report's fields by name. Faster than `dataclasses.asdict`, which copies deeply."""
    return {name: getattr(report, name) for name in report.__slots__}
