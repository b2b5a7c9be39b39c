"""The outcomes of login calls that the contract names."""

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
    """The account that began the login has lost its access since, so nothing is saved for it."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "ACCESS_ENDED"
    message: str = "账号的访问权限已结束，登录已终止"


@dataclass(eq=False)
class TooManyLoginsError(ThrottledError):
    """The account has as many running logins as one may have."""

    reason = "TOO_MANY_LOGINS"
    message: str = "同时进行的登录过多，请先完成或取消已有的登录"


@dataclass(eq=False)
class LoginStartsThrottledError(ThrottledError):
    """The account, or the way out to WeChat, has had as many starts of logins within an hour as it may."""

    reason = "LOGIN_STARTS_THROTTLED"
    message: str = "一小时内发起的登录过多，请稍后再试"


@dataclass(eq=False)
class ReplicaStoppingError(DomainError):
    """This replica stops, the login goes on: WatchLogin picks it up at another one."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "REPLICA_STOPPING"
    message: str = "服务正在重启，请重新连接，登录不受影响"
