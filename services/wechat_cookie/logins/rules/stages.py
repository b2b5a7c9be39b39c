"""The stages of a login and the reasons for failure, as the API of WeChatCookieService lists them."""

from enum import StrEnum


class Stage(StrEnum):
    """Stage of a login; the API documents the values."""

    PREPARING = "preparing"
    WAITING_FOR_SCAN = "waiting_for_scan"
    SCANNED = "scanned"
    CHOOSING_ACCOUNT = "choosing_account"
    NO_ACCOUNT = "no_account"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    CONFIRMED = "confirmed"
    SAVING = "saving"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Reason(StrEnum):
    """Reason for the failure of a login; the API documents the values."""

    CANCELLED = "CANCELLED"
    ACCESS_ENDED = "ACCESS_ENDED"
    # Written by earlier releases; their logins can still be read.
    ACCOUNT_DELETED = "ACCOUNT_DELETED"
    LOGIN_TIMEOUT = "LOGIN_TIMEOUT"
    LOGIN_INTERRUPTED = "LOGIN_INTERRUPTED"
    QR_EXPIRED = "QR_EXPIRED"
    QR_UNAVAILABLE = "QR_UNAVAILABLE"
    EMAIL_NOT_BOUND = "EMAIL_NOT_BOUND"
    LOGIN_REFUSED = "LOGIN_REFUSED"
    APPROVAL_REFUSED = "APPROVAL_REFUSED"
    APPROVAL_TIMEOUT = "APPROVAL_TIMEOUT"
    LOGIN_NO_REDIRECT = "LOGIN_NO_REDIRECT"
    LOGIN_NEEDS_VERIFICATION = "LOGIN_NEEDS_VERIFICATION"
    LOGIN_NO_SESSION = "LOGIN_NO_SESSION"
    LOGIN_NOT_JSON = "LOGIN_NOT_JSON"
    WECHAT_SESSION_INVALID = "WECHAT_SESSION_INVALID"
    WECHAT_RATE_LIMITED = "WECHAT_RATE_LIMITED"
    WECHAT_UNREACHABLE = "WECHAT_UNREACHABLE"
    WECHAT_BAD_ANSWER = "WECHAT_BAD_ANSWER"
    OWNED_BY_ANOTHER_ACCOUNT = "OWNED_BY_ANOTHER_ACCOUNT"
    INTERNAL = "INTERNAL"
