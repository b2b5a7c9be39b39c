"""The errors of the RPCs of cookies."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from services.chassis.errors import DomainError, ThrottledError
from services.chassis.language import Localized


class CookieNotFoundError(DomainError):
    """The caller has no such unexpired cookie. Does not disclose whether another account has it."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "COOKIE_NOT_FOUND"
    message = Localized(
        "没有找到该公众号登录，请重新扫码登录",
        "There is no such official account's login; scan again",
    )


class AvatarNotFoundError(DomainError):
    """The cookie has no avatar."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "AVATAR_NOT_FOUND"
    message = Localized("该公众号没有头像", "This official account has no avatar")


class OwnedByAnotherAccountError(DomainError):
    """Another FastMP account has a cookie with this token. Nothing was changed."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "OWNED_BY_ANOTHER_ACCOUNT"
    message = Localized(
        "该公众号登录已属于其他账号",
        "This official account's login belongs to another account",
    )


class OwnerDeletedError(DomainError):
    """The FastMP account that would own the cookie was deleted. Nothing was changed."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "ACCESS_ENDED"
    message = Localized("账号已被删除", "The account has been deleted")


class OwnerNotActiveError(DomainError):
    """The owner has no access now, so cookies of the owner are not handed out."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "OWNER_NOT_ACTIVE"
    message = Localized("该账号未激活或已过期", "The account is not activated, or its access has expired")


@dataclass(eq=False)
class CookieUnusableError(DomainError):
    """The cookie was reported dead, or is cooling down until `cooling_until` because WeChat limited its rate."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "COOKIE_UNUSABLE"
    health: str
    cooling_until: datetime.datetime | None = None
    message = Localized(
        "该公众号登录已失效或正在冷却",
        "This official account's login is dead or cooling down",
    )

    @property
    def metadata(self) -> Mapping[str, str]:
        """`health`, and for "cooling_down" `cooling_until` as ISO 8601."""
        if self.cooling_until is None:
            return {"health": self.health}
        return {"health": self.health, "cooling_until": self.cooling_until.isoformat()}


class AcquisitionNotFoundError(DomainError):
    """No hand-out has this id."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "ACQUISITION_NOT_FOUND"
    message = Localized("没有找到该领取记录", "There is no such hand-out")


class CookieChangesThrottledError(ThrottledError):
    """The account has chosen, or deleted, the maximum number of cookies within an hour."""

    reason = "COOKIE_CHANGES_THROTTLED"
    message = Localized(
        "一小时内更改公众号登录过多，请稍后再试",
        "Too many changes of logins within an hour; try again later",
    )
