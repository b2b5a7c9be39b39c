"""The errors of wrong, missing and unavailable credentials."""

import grpc

from services.chassis.errors import DomainError
from services.chassis.language import Localized


class WrongCredentialsError(DomainError):
    """The e-mail or the password is wrong; which one is not revealed."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "WRONG_CREDENTIALS"
    message = Localized("邮箱或密码错误", "Wrong e-mail or password")


class WrongSecondFactorError(WrongCredentialsError):
    """The code of the second factor is wrong or was used before. It counts as a wrong password."""

    reason = "WRONG_SECOND_FACTOR"
    message = Localized("动态验证码错误或已使用", "The code is wrong or was used before")


class SecondFactorNeededError(DomainError):
    """The password is right, and the account has a second factor, of which the call has no code."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "SECOND_FACTOR_NEEDED"
    message = Localized(
        "请输入动态验证码或恢复码", "Enter a code of your authenticator app, or a recovery code"
    )


class SecondFactorEnabledError(DomainError):
    """The account has a second factor already."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "SECOND_FACTOR_ENABLED"
    message = Localized("已启用两步验证，请先关闭", "The second factor is enabled already; disable it first")


class SecondFactorNotEnrolledError(DomainError):
    """The account has no second factor to confirm or to disable."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "SECOND_FACTOR_NOT_ENROLLED"
    message = Localized("尚未设置两步验证", "No second factor was set up")


class SecondFactorUnavailableError(DomainError):
    """TOTP_KEYS is not set, so that secrets can neither be stored nor read."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "SECOND_FACTOR_UNAVAILABLE"
    message = Localized("服务器未配置两步验证", "The server is not configured for second factors")
