"""The errors of the RPCs of logins."""

import grpc

from services.chassis.errors import DomainError, ThrottledError
from services.chassis.language import Localized


class LoginNotFoundError(DomainError):
    """The caller has no such login. Does not disclose whether another account has it."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "LOGIN_NOT_FOUND"
    message = Localized("登录不存在或已过期", "There is no such login, or it has expired")


class AccessEndedError(DomainError):
    """The account that started the login has lost its access, so nothing is saved for it."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "ACCESS_ENDED"
    message = Localized(
        "账号的访问权限已结束，登录已终止",
        "The account's access has ended, and the login with it",
    )


class TooManyLoginsError(ThrottledError):
    """The account has the maximum number of running logins."""

    reason = "TOO_MANY_LOGINS"
    message = Localized(
        "同时进行的登录过多，请先完成或取消已有的登录",
        "Too many logins at the same time; complete or cancel one first",
    )


class LoginStartsThrottledError(ThrottledError):
    """The account, or the egress to WeChat, has reached the limit of starts of logins within an hour."""

    reason = "LOGIN_STARTS_THROTTLED"
    message = Localized(
        "一小时内发起的登录过多，请稍后再试",
        "Too many logins were started within an hour; try again later",
    )


class ReplicaStoppingError(DomainError):
    """This replica is stopping. The login continues, and WatchLogin resumes it at another replica."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "REPLICA_STOPPING"
    message = Localized(
        "服务正在重启，请重新连接，登录不受影响",
        "The service is restarting; reconnect, the login continues",
    )
