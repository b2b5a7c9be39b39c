"""The errors of data calls."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from services.chassis.errors import DomainError, ThrottledError
from services.chassis.language import Localized


@dataclass(eq=False)
class NoUsableCookieError(DomainError):
    """All of the owner's cookies are dead or expired."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "COOKIE_UNUSABLE"
    dead: int
    expired: int
    message = Localized(
        "该账号的公众号登录均已失效，请重新扫码登录",
        "All logins of official accounts of this account are dead or expired; scan again",
    )

    @property
    def metadata(self) -> Mapping[str, str]:
        """The numbers of cookies by health."""
        return {"ok": "0", "cooling_down": "0", "dead": str(self.dead), "expired": str(self.expired)}


class BudgetExhaustedError(ThrottledError):
    """No cookie of the owner has a request left now."""

    reason = "BUDGET_EXHAUSTED"
    message = Localized(
        "公众号登录的请求次数已用完，请稍后再试",
        "The logins of official accounts have no request left; try again later",
    )


class RateLimitedError(ThrottledError):
    """WeChat limits the rate of the owner's cookies, which cool down."""

    reason = "WECHAT_RATE_LIMITED"
    message = Localized(
        "微信限制了请求频率，请稍后再试", "WeChat limits the rate of requests; try again later"
    )


@dataclass(eq=False)
class WeChatUnreachableError(DomainError):
    """WeChat did not answer. Safe to retry. `part` and `detail` are those of MpError."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "WECHAT_UNREACHABLE"
    part: str | None = None
    detail: str | None = None
    message = Localized("无法连接微信，请稍后再试", "WeChat cannot be reached; try again later")

    @property
    def metadata(self) -> Mapping[str, str]:
        """The part of the connection that failed and, for "tls", how; as in FailedPart of a login."""
        given = {"part": self.part, "detail": self.detail}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(eq=False)
class WeChatBadAnswerError(DomainError):
    """WeChat's answer is not understood, or is a refusal with this `ret`. Safe to retry."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "WECHAT_BAD_ANSWER"
    ret: int | None = None
    message = Localized(
        "微信返回了无法识别的结果，请稍后再试", "WeChat's answer is not understood; try again later"
    )

    @property
    def metadata(self) -> Mapping[str, str]:
        """`ret`, if WeChat refused."""
        return {} if self.ret is None else {"ret": str(self.ret)}


class WeChatArgumentsInvalidError(DomainError):
    """WeChat refused the arguments, or the cookie is of a mini program."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "WECHAT_ARGUMENTS_INVALID"
    message = Localized("微信不接受这些参数", "WeChat does not accept these arguments")
