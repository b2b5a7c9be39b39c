"""The control API's reports of the emulator's state."""

from dataclasses import dataclass
from typing import Any, Literal

Stage = Literal[
    "created", "qr_issued", "scanned", "confirmed", "cancelled", "expired", "cannot_login", "logged_in"
]


@dataclass(frozen=True, slots=True)
class LoginReport:
    """The state of one login.

    `ticket` is that of the current QR code, empty before the first. `at` is CLOCK_MONOTONIC in seconds
    (`time.monotonic()`, comparable across the processes of a machine) when the report was made, for an action of
    the phone the time of that action.
    """

    uuid: str
    ticket: str
    stage: Stage
    status: int
    account: str | None
    acct_size: int
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
    messages: int


@dataclass(frozen=True, slots=True)
class SessionReport:
    """The session of a successful login. `cookies` holds the real values, for which tests search the logs."""

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
    """Requests by endpoint, faults by kind, and the open TCP connections, including the caller's.

    Endpoints are `/path?action=value`, or `other` for unknown paths.
    """

    requests: dict[str, int]
    faults: dict[str, int]
    open_connections: int
    logins: int
    sessions: int


@dataclass(frozen=True, slots=True)
class RequestReport:
    """A recorded request. The last 1,000 are kept while the knob `record_requests` is on."""

    at: float
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]
    cookies: dict[str, str]


def as_json(report: Any) -> dict[str, Any]:
    """Returns a report's fields by name. It is faster than `dataclasses.asdict`, which copies deeply."""
    return {name: getattr(report, name) for name in report.__slots__}
