"""The errors of the RPCs of logins."""

from dataclasses import dataclass

import grpc

from services.chassis.errors import DomainError, ThrottledError


@dataclass(eq=False)
class LoginNotFoundError(DomainError):
    """The caller has no such login. Does not disclose whether another account has it."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "LOGIN_NOT_FOUND"
    message: str = "登录不存在或已过期"


@dataclass(eq=False)
class AccessEndedError(DomainError):
    """The account that started the login has lost its access, so nothing is saved for it."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "ACCESS_ENDED"
    message: str = "账号的访问权限已结束，登录已终止"


@dataclass(eq=False)
class TooManyLoginsError(ThrottledError):
    """The account has the maximum number of running logins."""

    reason = "TOO_MANY_LOGINS"
    message: str = "同时进行的登录过多，请先完成或取消已有的登录"


@dataclass(eq=False)
class LoginStartsThrottledError(ThrottledError):
    """The account, or the egress to WeChat, has reached the limit of starts of logins within an hour."""

    reason = "LOGIN_STARTS_THROTTLED"
    message: str = "一小时内发起的登录过多，请稍后再试"


@dataclass(eq=False)
class ReplicaStoppingError(DomainError):
    """This replica is stopping. The login continues, and WatchLogin resumes it at another replica."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "REPLICA_STOPPING"
    message: str = "服务正在重启，请重新连接，登录不受影响"
