"""Why a channel is not created, changed or tested."""

import grpc

from services.chassis.errors import DomainError, ThrottledError
from services.chassis.language import Localized


class ChannelNotFoundError(DomainError):
    """The channel does not exist, or belongs to another account."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "CHANNEL_NOT_FOUND"
    message = Localized("通知渠道不存在", "There is no such channel")


class ChannelsExhaustedError(DomainError):
    """The account has the maximum number of channels."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "CHANNELS_EXHAUSTED"
    message = Localized(
        "通知渠道已达上限，请先删除一个",
        "There are as many channels as an account may have; delete one first",
    )


class MailNotConfiguredError(DomainError):
    """The server has no SMTP server."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "MAIL_UNAVAILABLE"
    message = Localized("服务器未配置邮件发送", "This server sends no e-mail")


class ChannelChangesThrottledError(ThrottledError):
    """Too many changes of channels by the account."""

    reason = "CHANNEL_CHANGES_THROTTLED"
    message = Localized("更改渠道过于频繁，请稍后再试", "Too many changes of channels; try again later")


class ChannelTestsThrottledError(ThrottledError):
    """Too many tests of channels by the account."""

    reason = "CHANNEL_TESTS_THROTTLED"
    message = Localized("测试过于频繁，请稍后再试", "Too many tests; try again later")
