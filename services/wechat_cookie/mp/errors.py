"""The errors of calls to mp.weixin.qq.com.

No message contains a cookie, a token or a URL with a token, because errors are logged.
"""

import datetime
from typing import ClassVar, Literal

# The parts of a connection that can fail.
PARTS = frozenset({"dns", "connect", "tls", "proxy", "timeout", "dropped"})
_FIRST_SERVER_FAULT = 500
_TRY_LATER = frozenset({408, 425, 429})


class MpError(Exception):
    """A failed call to WeChat.

    `reason` names the error and is unique to its class. `login_failure` is the reason of a login that fails because
    of this error, one of those in the API of WeChatCookieService. `transient` says
    that the same call with the same cookies may succeed soon. `maybe_processed` says that WeChat
    may have processed the request although its answer was lost.
    """

    reason: ClassVar[str]
    login_failure: ClassVar[str]
    maybe_processed: ClassVar[bool] = False
    transient: bool = False
    # The part of the connection that failed and, for "tls", how: fixed words, for logs and messages.
    part: str | None = None
    detail: str | None = None

    def __str__(self) -> str:
        return self.reason

    @property
    def failed_part(self) -> str | None:
        """The most exact word for what failed in the connection: `detail`, else `part`; None if WeChat answered."""
        return self.detail or self.part


class UnreachableError(MpError):
    """No connection could be made, so the request was not sent."""

    reason = "WECHAT_UNREACHABLE"
    login_failure = "WECHAT_UNREACHABLE"
    transient = True

    def __init__(self, part: Literal["dns", "connect", "tls", "proxy"], detail: str | None = None) -> None:
        self.part = part
        self.detail = detail


class AnswerTimeoutError(MpError):
    """The answer was not complete within the timeout."""

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
    """An answer that violates the protocol. Worth a limited number of retries."""

    reason = "WECHAT_BAD_ANSWER"
    login_failure = "WECHAT_BAD_ANSWER"
    maybe_processed = True
    transient = True

    def __init__(
        self, shape: Literal["not_http", "encoded", "empty", "html", "not_as_agreed", "cookies"]
    ) -> None:
        self.shape = shape


class AnswerTooLargeError(MpError):
    """An answer over the size limit. The rest was not read."""

    reason = "WECHAT_ANSWER_TOO_LARGE"
    login_failure = "WECHAT_BAD_ANSWER"
    maybe_processed = True


class RetError(MpError):
    """`base_resp.ret` is not 0: WeChat refused the request."""

    def __init__(self, ret: int) -> None:
        self.ret = ret


class SystemBusyError(RetError):
    """-1, 1 or -6: an internal error of WeChat."""

    reason = "WECHAT_SYSTEM_BUSY"
    login_failure = "LOGIN_REFUSED"
    transient = True


class SessionInvalidError(RetError):
    """200003, or a home page that says so: the session or the pending login is invalid."""

    reason = "WECHAT_SESSION_INVALID"
    login_failure = "WECHAT_SESSION_INVALID"


class CsrfTokenInvalidError(RetError):
    """200040: the token is not this session's. Only a new login helps."""

    reason = "WECHAT_CSRF_TOKEN_INVALID"
    login_failure = "WECHAT_SESSION_INVALID"


class RateLimitedError(RetError):
    """200013: too many calls. The session stays valid; calls within `cool_down` prolong the limit."""

    reason = "WECHAT_RATE_LIMITED"
    login_failure = "WECHAT_RATE_LIMITED"
    cool_down: ClassVar[datetime.timedelta] = datetime.timedelta(hours=1)


class ArgumentsInvalidError(RetError):
    """200002: wrong arguments, or a mini program was chosen."""

    reason = "WECHAT_ARGUMENTS_INVALID"
    login_failure = "LOGIN_REFUSED"


class VerifyCodeNeededError(RetError):
    """200008: WeChat requires a captcha."""

    reason = "WECHAT_VERIFY_CODE_NEEDED"
    login_failure = "LOGIN_NEEDS_VERIFICATION"


class RefusedError(RetError):
    """Any other `ret`, known or not."""

    reason = "WECHAT_REFUSED"
    login_failure = "LOGIN_REFUSED"


class NoUuidError(MpError):
    """startlogin returned no `uuid` in cookies or body, so no QR code can be fetched."""

    reason = "LOGIN_NO_UUID"
    login_failure = "QR_UNAVAILABLE"
    transient = True


class QrTooSmallError(MpError):
    """An empty or far too small QR image, which WeChat returns for an invalid `uuid`."""

    reason = "QR_TOO_SMALL"
    login_failure = "QR_UNAVAILABLE"
    transient = True


class QrNotAnImageError(MpError):
    """The body of a QR code's answer is not an image."""

    reason = "QR_NOT_AN_IMAGE"
    login_failure = "QR_UNAVAILABLE"
    transient = True


class NoRedirectError(MpError):
    """The last step's JSON has no `redirect_url`, or `ret` is not 0.

    Also the answer to an operator's login before the administrator's approval.
    """

    reason = "LOGIN_NO_REDIRECT"
    login_failure = "LOGIN_NO_REDIRECT"

    def __init__(self, ret: int) -> None:
        self.ret = ret
        self.transient = ret in {-1, 1, -6}


class ForeignRedirectError(MpError):
    """The last step's `redirect_url` has another origin than WeChat's or is not a URL."""

    reason = "LOGIN_FOREIGN_REDIRECT"
    login_failure = "WECHAT_BAD_ANSWER"


class NeedsVerificationError(MpError):
    """The last step's `redirect_url` has no token: WeChat requires further verification."""

    reason = "LOGIN_NEEDS_VERIFICATION"
    login_failure = "LOGIN_NEEDS_VERIFICATION"


class BadTokenError(MpError):
    """The last step's token is not a number, or there are several. It would become a folder's name."""

    reason = "LOGIN_BAD_TOKEN"
    login_failure = "WECHAT_BAD_ANSWER"


class NoSessionCookieError(MpError):
    """The last step set no `slave_sid` cookie. Seen from data-centre addresses, perhaps due to risk control."""

    reason = "LOGIN_NO_SESSION"
    login_failure = "LOGIN_NO_SESSION"


class NotJsonLoginError(MpError):
    """The last step's answer is HTML instead of JSON."""

    reason = "LOGIN_NOT_JSON"
    login_failure = "LOGIN_NOT_JSON"


class HomePageUnknownError(MpError):
    """The home page has neither of the known forms. The login is valid nevertheless."""

    reason = "HOME_PAGE_UNKNOWN"
    login_failure = "WECHAT_BAD_ANSWER"


class AvatarRefusedError(MpError):
    """An avatar's URL is not on WeChat's image hosts. Nothing was fetched."""

    reason = "AVATAR_HOST_REFUSED"
    login_failure = "WECHAT_BAD_ANSWER"


class AvatarNotAnImageError(MpError):
    """The body of an avatar's answer is not an image."""

    reason = "AVATAR_NOT_AN_IMAGE"
    login_failure = "WECHAT_BAD_ANSWER"
