"""One pending login: its changes by the phone and by time, and the status that `ask` returns."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploy.wechat_emulator.accounts import Account
from deploy.wechat_emulator.knobs import Knobs
from deploy.wechat_emulator.reports import Stage

APPROVED = 1
OPERATOR = 1
ADMINISTRATOR = 2

_STATUS_OF_STAGE: dict[Stage, int] = {
    "created": 0,
    "qr_issued": 0,
    "confirmed": 1,
    "cancelled": 2,
    "expired": 3,
    "cannot_login": 5,
    "logged_in": 1,
}


class PhoneError(Exception):
    """The phone's action is not possible; the message is what the phone shows."""


@dataclass(slots=True)
class Login:
    """The state of the login with one `uuid` cookie. Times are in seconds of the emulator's clock."""

    uuid: str
    stage: Stage = "created"
    ticket: str = ""
    qr_codes: int = 0
    issued_at: float = 0.0
    scanned_at: float = 0.0
    confirmed_at: float = 0.0
    account: Account | None = None
    acct_size: int = 0
    scanned_status: int = 4
    binduin: int = 0
    raw_status: int | None = None
    approval: int | None = None
    own_knobs: dict[str, Any] = field(default_factory=dict)
    asks: int = 0
    ask_times: deque[float] = field(default_factory=lambda: deque(maxlen=2000))

    @property
    def status(self) -> int:
        """`status` of `scanloginqrcode?action=ask`."""
        if self.raw_status is not None:
            return self.raw_status
        if self.stage == "scanned":
            return self.scanned_status
        return _STATUS_OF_STAGE[self.stage]

    def user_category(self, knobs: Knobs) -> int:
        """Returns who has confirmed: 0 for not confirmed, 1 an operator (must be approved), 2 an administrator."""
        if self.stage != "confirmed":
            return 0
        return OPERATOR if knobs.require_approval else ADMINISTRATOR

    def approval_status(self, now: float, knobs: Knobs) -> int:
        """`status` of `loginauth?action=ask`."""
        if self.approval is not None:
            return self.approval
        due = knobs.approve_after is not None and now >= self.confirmed_at + knobs.approve_after
        return APPROVED if due and self.stage == "confirmed" else 0

    def issue_qr(self, ticket: str, now: float) -> None:
        """Starts the login over with a new QR code; the previous one is invalid."""
        self.stage, self.ticket, self.issued_at = "qr_issued", ticket, now
        self.qr_codes += 1
        self.account, self.acct_size, self.binduin = None, 0, 0

    def advance(self, now: float, knobs: Knobs, fresh_account: Callable[[], Account]) -> None:
        """Applies what is due at `now`: timed actions, in their order, and expiry."""
        end = self.issued_at + knobs.qr_lifetime
        if self.stage == "qr_issued" and knobs.scan_after is not None:
            due = self.issued_at + knobs.scan_after
            if due <= now and due < end:
                self.scan(fresh_account(), knobs.acct_size, knobs.scanned_status, due)
        if self.stage == "scanned" and knobs.confirm_after is not None and self.acct_size > 0:
            due = self.scanned_at + knobs.confirm_after
            if due <= now and due < end:
                self.confirm(None, due)
        if self.stage in {"qr_issued", "scanned"} and now >= end:
            self.stage = "expired"

    def scan(self, account: Account, acct_size: int, scanned_status: int, now: float) -> None:
        """Scans the QR code. Raises PhoneError if it is used or expired."""
        if self.stage == "expired":
            raise PhoneError("QR code expired")
        if self.stage != "qr_issued":
            raise PhoneError("System error")
        self.stage, self.scanned_at = "scanned", now
        self.account, self.acct_size, self.scanned_status = account, acct_size, scanned_status

    def confirm(self, account: Account | None, now: float) -> None:
        """Confirms the login, with another account than the scan's if given.

        Raises PhoneError if there is nothing to confirm.
        """
        if self.stage != "scanned":
            raise PhoneError(f"nothing to confirm: the login is {self.stage}")
        if self.acct_size == 0:
            raise PhoneError("no account can log in")
        self.stage, self.confirmed_at = "confirmed", now
        self.account = account or self.account

    def end_pending(self, stage: Stage, binduin: int = 0) -> None:
        """Ends the QR code as cancelled, expired or cannot_login. Raises PhoneError if none is waiting."""
        if self.stage not in {"qr_issued", "scanned"}:
            raise PhoneError(f"no QR is waiting: the login is {self.stage}")
        self.stage, self.binduin = stage, binduin
