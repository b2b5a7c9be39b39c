"""Access rules of the RPCs, read from the `access` option in the protos. Without a rule a call is refused."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from fastmp.access.v1 import access_pb2
from services.chassis.errors import DomainError
from services.chassis.identity.principals import Principal
from services.chassis.identity.statuses import ACTIVE, EXPIRED
from services.chassis.language import Localized


@dataclass(frozen=True)
class AccessRule:
    """The access level of an RPC, and, at level SERVICE, the certificate names of its callers."""

    level: access_pb2.Access.ValueType
    callers: frozenset[str] = frozenset()

    @property
    def needs_account(self) -> bool:
        """Whether the call must carry an access token."""
        return self.level in {access_pb2.SIGNED_IN, access_pb2.ACTIVE, access_pb2.ADMIN}


class AccountNotActivatedError(DomainError):
    """The account has not redeemed a code, or an admin has revoked its access."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "ACCOUNT_NOT_ACTIVATED"
    message = Localized(
        "账号尚未激活，请先使用激活码激活",
        "The account is not activated; redeem an activation code first",
    )


class ActivationExpiredError(DomainError):
    """The account's access has expired."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "ACTIVATION_EXPIRED"
    message = Localized(
        "账号已过期，请使用新的激活码续期",
        "The account's access has expired; redeem a new activation code",
    )


class AdminRequiredError(DomainError):
    """The caller is not an admin."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "ADMIN_REQUIRED"
    message = Localized("需要管理员权限", "Only an admin may do this")


class SecondFactorRequiredError(DomainError):
    """The caller is an admin without a second factor, which the operator requires of admins."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "SECOND_FACTOR_REQUIRED"
    message = Localized("管理员须先启用两步验证", "Administrators must enable a second factor first")


class CallerNotAllowedError(DomainError):
    """The name in the client certificate is not among the callers of the RPC."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "CALLER_NOT_ALLOWED"
    message = Localized("该调用方无权访问此接口", "This caller may not call this method")


def rule_of(method: MethodDescriptor) -> AccessRule:
    """Returns the rule of a method. Raises ValueError if its access level is missing, or its callers are wrong."""
    options = method.GetOptions()
    level = options.Extensions[access_pb2.access]
    if level == access_pb2.ACCESS_UNSPECIFIED:
        raise ValueError(f"{method.full_name} declares no access level")
    callers = frozenset(options.Extensions[access_pb2.callers])
    if bool(callers) != (level == access_pb2.SERVICE):
        raise ValueError(f"{method.full_name}: callers belong to the SERVICE level, and it needs them")
    return AccessRule(level, callers)


def rules_of(services: Iterable[ServiceDescriptor]) -> dict[str, AccessRule]:
    """Returns the rules by gRPC path, "/package.Service/Method". Raises ValueError as rule_of() does."""
    return {
        f"/{service.full_name}/{method.name}": rule_of(method)
        for service in services
        for method in service.methods
    }


def check_peer(rule: AccessRule, peer: str) -> None:
    """Raises CallerNotAllowedError if the rule is of level SERVICE and `peer` is not among its callers."""
    if rule.level == access_pb2.SERVICE and peer not in rule.callers:
        raise CallerNotAllowedError


def lets_in(rule: AccessRule, principal: Principal, now: datetime.datetime) -> bool:
    """Returns whether `principal` may call a method of this rule at `now`, an aware datetime."""
    try:
        check_account(rule, principal, now)
    except DomainError:
        return False
    return True


def check_account(rule: AccessRule, principal: Principal, now: datetime.datetime) -> None:
    """Raises an error if `principal` may not call a method at `now`.

    The error is AdminRequiredError, SecondFactorRequiredError, or one of check_active().
    """
    if rule.level == access_pb2.ADMIN and not principal.is_admin:
        raise AdminRequiredError
    if rule.level == access_pb2.ADMIN and principal.lacks_second_factor:
        raise SecondFactorRequiredError
    if rule.level == access_pb2.ACTIVE and not principal.is_admin:
        check_active(principal, now)


def check_active(principal: Principal, now: datetime.datetime) -> None:
    """Raises AccountNotActivatedError or ActivationExpiredError if the account has no access at `now`."""
    status = principal.effective_status(now)
    if status == EXPIRED:
        raise ActivationExpiredError
    if status != ACTIVE:
        raise AccountNotActivatedError
