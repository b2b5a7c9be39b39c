"""A Python client of FastMP's services.

`WeChatCookieClient` is for programs that use cookies or follow logins; `channel` opens a channel to any of the
three services for its generated stub (`fastmp.identity.v1`, `fastmp.activation.v1`, `fastmp.wechat_cookie.v1`).
"""

from fastmp.client.borrowed_cookie import BorrowedCookie, Outcome, WeChatRefusedError, outcome_of
from fastmp.client.channels import channel
from fastmp.client.credentials import TlsFiles
from fastmp.client.errors import (
    AbortedError,
    AlreadyExistsError,
    DeadlineExceededError,
    FailedPreconditionError,
    FastMPError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ThrottledError,
    UnauthenticatedError,
    UnavailableError,
)
from fastmp.client.login_stream import LoginStream, Reattachment
from fastmp.client.wechat_cookie import WeChatCookieClient

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "BorrowedCookie",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "FastMPError",
    "InvalidRequestError",
    "LoginStream",
    "NotFoundError",
    "Outcome",
    "PermissionDeniedError",
    "Reattachment",
    "ThrottledError",
    "TlsFiles",
    "UnauthenticatedError",
    "UnavailableError",
    "WeChatCookieClient",
    "WeChatRefusedError",
    "channel",
    "outcome_of",
]
