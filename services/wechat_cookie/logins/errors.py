"""The errors of the RPCs of logins."""

import grpc

from services.chassis.errors import DomainError, ThrottledError


class LoginNotFoundError(DomainError):
    """The caller has no such login. Does not disclose whether another account has it."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "LOGIN_NOT_FOUND"
    message = "登录不存在或已过期"


class AccessEndedError(DomainError):
    """The account that started the login has lost its access, so nothing is saved for it."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "ACCESS_ENDED"
    message = "账号的访问权限已结束，登录已终止"


class TooManyLoginsError(ThrottledError):
    """The account has the maximum number of running logins."""

    reason = "TOO_MANY_LOGINS"
    message = "同时进行的登录过多，请先完成或取消已有的登录"


class LoginStartsThrottledError(ThrottledError):
    """The account, or the egress to WeChat, has reached the limit of starts of logins within an hour."""

    reason = "LOGIN_STARTS_THROTTLED"
    message = "一小时内发起的登录过多，请稍后再试"


class ReplicaStoppingError(DomainError):
    """This replica is stopping. The login continues, and WatchLogin resumes it at another replica."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "REPLICA_STOPPING"
    message = "服务正在重启，请重新连接，登录不受影响"
