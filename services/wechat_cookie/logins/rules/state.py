"""The state of a login, as a value that mirrors its row in the database."""

import datetime
import hashlib
import uuid
from dataclasses import dataclass, field
from enum import StrEnum

from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.mp.cookies import MpCookies


class Step(StrEnum):
    """The next request to WeChat."""

    START = "start"
    """Open a pending login and fetch its first QR code."""
    REPLACE_QR = "replace_qr"
    ASK = "ask"
    """Poll the phone's state."""
    ASK_APPROVAL = "ask_approval"
    """Poll the administrator's decision."""
    FINISH = "finish"
    """Fetch the session; WeChat answers this once."""
    DESCRIBE = "describe"
    """Fetch the account's name and avatar."""


POLLS = frozenset({Step.ASK, Step.ASK_APPROVAL})
"""Steps that change nothing at WeChat, so that two replicas may take one at the same time."""


def logged_id(login_id: str) -> str:
    """Returns the name of a login for logs: part of a hash, because the id is the clients' secret login_key."""
    return hashlib.sha256(login_id.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class LoginState:
    """One login. Ended ones have neither `step` nor `next_poll_at`.

    `version` counts the writes, for optimistic locking.
    `attempt` is the number of the exchange with WeChat that `in_flight` says is under way; `doubtful` that an
    earlier one of this step may have reached WeChat and its answer was lost. A claim moves `next_poll_at` on by
    `claim_seconds`: the interval of a poll, or a lease longer than any exchange.
    """

    id: str
    version: int
    owner_id: uuid.UUID
    owner_email: str
    stage: Stage
    step: Step | None
    started_at: datetime.datetime
    next_poll_at: datetime.datetime | None
    claim_seconds: float
    # None from the confirmation on, so that a session that may exist is not abandoned.
    deadline_at: datetime.datetime | None
    attempt: int = 0
    in_flight: bool = False
    doubtful: bool = False
    # Whether an operator scanned, whose login an administrator may have to approve.
    operator: bool = False
    refresh_count: int = 0
    qr_expire_at: datetime.datetime | None = None
    # Start of the current run of failed polls, and whether an event has reported it.
    failing_since: datetime.datetime | None = None
    failure_told: bool = False
    last_sequence: int = 0
    cookies: MpCookies = field(default_factory=MpCookies)
    token: str | None = field(default=None, repr=False)
    cookie_id: uuid.UUID | None = None
    home_path: str | None = field(default=None, repr=False)
    message: str = ""
    reason: Reason | None = None
    ended_at: datetime.datetime | None = None
    # The account's value when the login was started; None if an earlier release started it.
    tokens_valid_after: int | None = None
    # End of the account's access; None for no end.
    access_until: datetime.datetime | None = None
    # The id of the request that started the login; None if an earlier release started it.
    request_id: str | None = None
    # The W3C traceparent of that request, whose trace the login's requests to WeChat continue; None without one.
    traceparent: str | None = None
    # What failed in the connection to WeChat at the last attempt of this step; see MpError.failed_part.
    failed_part: str | None = None
    # End of the time after a scan in which the phone is polled more often; None before a scan of this QR code.
    quick_until: datetime.datetime | None = None

    @property
    def log_fields(self) -> dict[str, str | None]:
        """Fields that identify the login in logs."""
        return {"login": logged_id(self.id), "request_id": self.request_id}


@dataclass(frozen=True, kw_only=True)
class LoginLimits:
    """Times, in seconds, and counts of a login.

    `poll_seconds` is the interval of WeChat's own page; for `scanned_seconds` after a scan it is
    `scanned_poll_seconds`, because the confirmation follows within seconds.
    `login_seconds` from start to LOGIN_TIMEOUT; `preparing_seconds` from start to the first QR code, or else
    failure; `qr_seconds` until a QR code is replaced although WeChat has not said that it expired;
    `lease_seconds` must be longer than two exchanges with WeChat, since an expired lease means that the replica
    died. `start_lease_seconds` may be shorter: two replicas that start the same login harm nothing.
    """

    poll_seconds: float = 1.5
    scanned_poll_seconds: float = 0.5
    scanned_seconds: float = 20.0
    slowest_poll_seconds: float = 5.0
    retry_seconds: float = 0.5
    hard_to_reach_seconds: float = 60.0
    preparing_seconds: float = 12.0
    qr_seconds: float = 300.0
    login_seconds: float = 900.0
    abandoned_seconds: float = 120.0
    start_lease_seconds: float = 5.0
    lease_seconds: float = 25.0
    kept_seconds: float = 600.0
    most_refreshes: int = 5
    most_attempts: int = 4
    most_per_account: int = 20
    # Within an hour.
    starts_per_account: int = 30
    starts_per_egress: int = 1000
