"""The meanings of the status codes of a pending login, from the script of WeChat's login page."""

from enum import Enum, auto


class ScanOutcome(Enum):
    """The phone's state, from `scanloginqrcode?action=ask`."""

    NOT_SCANNED = auto()
    SCANNED_CONFIRM = auto()
    """Scanned; the user has to confirm."""
    SCANNED_CHOOSE = auto()
    """Scanned; the user has to choose one of several accounts."""
    SCANNED_NO_ACCOUNT = auto()
    """Scanned by a user without an account that can log in; the QR code stays valid."""
    CONFIRMED = auto()
    """The last step is due."""
    CANCELLED = auto()
    """A new QR code is due, and does not count as a refresh."""
    EXPIRED = auto()
    """A new QR code is due, and counts as a refresh."""
    EMAIL_NOT_BOUND = auto()
    """The account has no e-mail bound and cannot log in."""
    LOGIN_FAILED = auto()
    """WeChat refuses this login."""
    BAD_SESSION = auto()
    """The pending login or its QR code is invalid."""


class ApprovalOutcome(Enum):
    """The administrator's decision, from `loginauth?action=ask`."""

    WAITING = auto()
    APPROVED = auto()
    """The last step has to be repeated."""
    REFUSED = auto()
    TIMED_OUT = auto()
    FAILED = auto()


_SCANNED = frozenset({4, 6})
_APPROVALS = {
    0: ApprovalOutcome.WAITING,
    1: ApprovalOutcome.APPROVED,
    2: ApprovalOutcome.REFUSED,
    3: ApprovalOutcome.TIMED_OUT,
    4: ApprovalOutcome.WAITING,
}
_SIMPLE = {1: ScanOutcome.CONFIRMED, 2: ScanOutcome.CANCELLED, 3: ScanOutcome.EXPIRED}


def scan_outcome(ret: int, status: int, acct_size: int, binduin: int) -> ScanOutcome:
    """Returns the outcome of an `ask` answer. An unknown status means "not scanned", as on WeChat's page."""
    if ret != 0:
        return ScanOutcome.BAD_SESSION
    if status in _SCANNED:
        if acct_size <= 0:
            return ScanOutcome.SCANNED_NO_ACCOUNT
        return ScanOutcome.SCANNED_CONFIRM if acct_size == 1 else ScanOutcome.SCANNED_CHOOSE
    if status == 5:  # noqa: PLR2004 - WeChat's number; its name is the branch.
        return ScanOutcome.EMAIL_NOT_BOUND if binduin != 0 else ScanOutcome.LOGIN_FAILED
    return _SIMPLE.get(status, ScanOutcome.NOT_SCANNED)


def approval_outcome(ret: int, status: int) -> ApprovalOutcome:
    """Returns the outcome of a `loginauth` answer. An unknown status means failure, as on WeChat's page."""
    if ret != 0:
        return ApprovalOutcome.FAILED
    return _APPROVALS.get(status, ApprovalOutcome.FAILED)
