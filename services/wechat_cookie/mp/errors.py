"""The errors of a call to mp.weixin.qq.com, one class for each way in which it fails.

No text here ever holds a cookie, a token or an address with a token: errors are logged.
"""

import datetime
from typing import ClassVar, Literal

_FIRST_SERVER_FAULT = 500
_TRY_LATER = frozenset({408, 425, 429})


class MpError(Exception):
    """A call to WeChat that did not end as it should.

    `reason` names the error and is unique to its class. `login_failure` is the reason with which a login that
    this error ends is to fail, one of those that the contract of WeChatCookieService lists. `transient` says
    that the same call with the same cookies may well succeed a little later. `maybe_processed` says that WeChat
    may have acted on the request although its answer was lost.
    """

    reason: ClassVar[str]
    login_failure: ClassVar[str]
    maybe_processed: ClassVar[bool] = False
    transient: bool = False
    # What part of the way to WeChat failed, and for "tls" in what way: one of a few words, for logs and people.
    part: str | None = None
    detail: str | None = None

    def __str__(self) -> str:
        return self.reason

    @property
    def failed_part(self) -> str | None:
        """`detail`, else `part`: the most exact word for what failed on the way; None when WeChat answered."""
        return self.detail or self.part


class UnreachableError(MpError):
    """No connection came about; WeChat never saw the request."""

    reason = "WECHAT_UNREACHABLE"
    login_failure = "WECHAT_UNREACHABLE"
    transient = True

    def __init__(self, part: Literal["dns", "connect", "tls", "proxy"], detail: str | None = None) -> None:
        self.part = part
        self.detail = detail


class AnswerTimeoutError(MpError):
    """The whole answer was not there within its time, however busily it dripped."""

    reason = "WECHAT_TIMEOUT"
    part = "timeout"
    login_failure = "WECHAT_UNREACHABLE"
    maybe_processed = True
    transient = True


class DroppedError(MpError):
    """The connection ended, or was reset, before the answer was complete."""

    reason = "WECHAT_DROPPED"
    part = "dropped"
    login_failure = "WECHAT_UNREACHABLE"
    maybe_processed = True
    transient = True


class HttpStatusError(MpError):
    """An HTTP status other than 200, redirects included; WeChat reports its own errors with 200."""

    reason = "WECHAT_HTTP_STATUS"
    login_failure = "WECHAT_BAD_ANSWER"
    maybe_processed = True

    def __init__(self, status: int) -> None:
        self.status = status
        self.transient = status >= _FIRST_SERVER_FAULT or status in _TRY_LATER


class BadAnswerError(MpError):
    """An answer that is not what the protocol says. Worth asking again, with a count."""

    reason = "WECHAT_BAD_ANSWER"
    login_failure = "WECHAT_BAD_ANSWER"
    maybe_processed = True
    transient = True

    def __init__(
        self, shape: Literal["not_http", "encoded", "empty", "html", "not_as_agreed", "cookies"]
    ) -> None:
        self.shape = shape


class AnswerTooLargeError(MpError):
    """More bytes than any true answer has. The rest was not read."""

    reason = "WECHAT_ANSWER_TOO_LARGE"
    login_failure = "WECHAT_BAD_ANSWER"
    maybe_processed = True


class RetError(MpError):
    """`base_resp.ret` is not 0: WeChat understood the request and said no."""

    def __init__(self, ret: int) -> None:
        self.ret = ret


class SystemBusyError(RetError):
    """-1, 1 or -6: WeChat had a fault of its own."""

    reason = "WECHAT_SYSTEM_BUSY"
    login_failure = "LOGIN_REFUSED"
    transient = True


class SessionInvalidError(RetError):
    """200003, or a home page that says so: the session or the pending login is dead."""

    reason = "WECHAT_SESSION_INVALID"
    login_failure = "WECHAT_SESSION_INVALID"


class CsrfTokenInvalidError(RetError):
    """200040: the token is not this session's. Only a new login helps."""

    reason = "WECHAT_CSRF_TOKEN_INVALID"
    login_failure = "WECHAT_SESSION_INVALID"


class RateLimitedError(RetError):
    """200013: too many calls. The session lives; calls before `cool_down` has passed make it worse."""

    reason = "WECHAT_RATE_LIMITED"
    login_failure = "WECHAT_RATE_LIMITED"
    cool_down: ClassVar[datetime.timedelta] = datetime.timedelta(hours=1)


class ArgumentsInvalidError(RetError):
    """200002: wrong arguments, or a mini program was chosen."""

    reason = "WECHAT_ARGUMENTS_INVALID"
    login_failure = "LOGIN_REFUSED"


class VerifyCodeNeededError(RetError):
    """200008: WeChat wants a captcha solved."""

    reason = "WECHAT_VERIFY_CODE_NEEDED"
    login_failure = "LOGIN_NEEDS_VERIFICATION"


class RefusedError(RetError):
    """Any other `ret`, known or not."""

    reason = "WECHAT_REFUSED"
    login_failure = "LOGIN_REFUSED"


class NoUuidError(MpError):
    """startlogin gave no `uuid`, in cookie or body, so no QR code could ever work."""

    reason = "LOGIN_NO_UUID"
    login_failure = "QR_UNAVAILABLE"
    transient = True


class QrTooSmallError(MpError):
    """An empty or far too small QR picture: what WeChat gives to a request without a valid `uuid`."""

    reason = "QR_TOO_SMALL"
    login_failure = "QR_UNAVAILABLE"
    transient = True


class QrNotAnImageError(MpError):
    """Bytes in place of the QR code which are no picture."""

    reason = "QR_NOT_AN_IMAGE"
    login_failure = "QR_UNAVAILABLE"
    transient = True


class NoRedirectError(MpError):
    """The last step's JSON has no `redirect_url`, or `ret` is not 0.

    An operator's login looks like this, too, until an administrator approves.
    """

    reason = "LOGIN_NO_REDIRECT"
    login_failure = "LOGIN_NO_REDIRECT"

    def __init__(self, ret: int) -> None:
        self.ret = ret
        self.transient = ret in {-1, 1, -6}


class ForeignRedirectError(MpError):
    """The last step's `redirect_url` leads away from WeChat, or is no address at all."""

    reason = "LOGIN_FOREIGN_REDIRECT"
    login_failure = "WECHAT_BAD_ANSWER"


class NeedsVerificationError(MpError):
    """The last step's `redirect_url` has no token: WeChat wants a further verification."""

    reason = "LOGIN_NEEDS_VERIFICATION"
    login_failure = "LOGIN_NEEDS_VERIFICATION"


class BadTokenError(MpError):
    """The last step's token is not a plain number, or there are two. It was to become a folder's name."""

    reason = "LOGIN_BAD_TOKEN"
    login_failure = "WECHAT_BAD_ANSWER"


class NoSessionCookieError(MpError):
    """The last step set no `slave_sid` cookie: seen at data-centre addresses, perhaps risk control."""

    reason = "LOGIN_NO_SESSION"
    login_failure = "LOGIN_NO_SESSION"


class NotJsonLoginError(MpError):
    """The last step answered with a page instead of JSON."""

    reason = "LOGIN_NOT_JSON"
    login_failure = "LOGIN_NOT_JSON"


class HomePageUnknownError(MpError):
    """The home page has neither of the known shapes. The login is good all the same."""

    reason = "HOME_PAGE_UNKNOWN"
    login_failure = "WECHAT_BAD_ANSWER"


class AvatarRefusedError(MpError):
    """An avatar's address that is not one of WeChat's picture hosts. Nothing was fetched."""

    reason = "AVATAR_HOST_REFUSED"
    login_failure = "WECHAT_BAD_ANSWER"


class AvatarNotAnImageError(MpError):
    """Bytes in place of the avatar which are no picture."""

    reason = "AVATAR_NOT_AN_IMAGE"
    login_failure = "WECHAT_BAD_ANSWER"
