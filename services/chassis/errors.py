"""Errors that callers see, and their translation into a gRPC status.

The class of a domain error fixes its gRPC code, reason and message. One with further values is a dataclass, but not
frozen, because contextlib assigns `__traceback__` to an exception that passes through it. Any other exception is a
fault: callers get INTERNAL with a constant message.
"""

import datetime
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from services.chassis.language import Language, Localized

DOMAIN = "fastmp"


class DomainError(Exception):
    """Base of the errors that the contract names. Subclasses set `code`, `reason` and `message`.

    `message` is for people, without implementation details. `metadata` is for programs.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    reason: ClassVar[str] = "INTERNAL"
    message: ClassVar[Localized] = Localized("服务内部错误", "Internal error")

    @property
    def metadata(self) -> Mapping[str, str]:
        """Further facts for programs, sent in the ErrorInfo detail. Must hold no secret."""
        return {}

    @property
    def text(self) -> Localized:
        """What callers read: `message`, or a text that also names the error's values."""
        return self.message

    def details(self, _language: Language) -> tuple[Message, ...]:
        """Returns further google.rpc details, sent beside the ErrorInfo, with their texts in the language."""
        return ()


@dataclass(frozen=True)
class FieldViolation:
    """An invalid field of a request, and a sentence that names it and says what is expected."""

    field: str
    description: Localized


@dataclass(eq=False)
class InvalidArgumentError(DomainError):
    """The request is invalid, whatever the state of the system is."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"
    violations: tuple[FieldViolation, ...] = ()
    message = Localized("请求参数有误", "The request is not valid")

    @property
    def text(self) -> Localized:
        if not self.violations:
            return self.message
        sentences = [violation.description for violation in self.violations]
        return Localized("；".join(one.zh for one in sentences), "; ".join(one.en for one in sentences))

    def details(self, language: Language) -> tuple[Message, ...]:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(
                field=violation.field, description=violation.description.in_language(language)
            )
            for violation in self.violations
        ]
        return (error_details_pb2.BadRequest(field_violations=violations),)


@dataclass(eq=False)
class ThrottledError(DomainError):
    """A limit is reached; `retry_after` says when to retry. Subclasses name the reason."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "THROTTLED"
    retry_after: datetime.timedelta = field(default_factory=lambda: datetime.timedelta(seconds=1))
    message = Localized("请求过于频繁，请稍后再试", "Too many requests; try again later")

    @property
    def retry_seconds(self) -> int:
        """`retry_after` in whole seconds, at least one."""
        return max(1, math.ceil(self.retry_after.total_seconds()))

    def details(self, _language: Language) -> tuple[Message, ...]:
        return (error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=self.retry_seconds)),)


class DatabaseUnavailableError(DomainError):
    """The database cannot be reached, or timed out.

    Nothing was changed, unless the connection was lost during a COMMIT, whose outcome is then not known.
    """

    code = grpc.StatusCode.UNAVAILABLE
    reason = "DATABASE_UNAVAILABLE"
    message = Localized("数据库暂时不可用，请稍后再试", "The database is not available; try again later")


class ConflictError(DomainError):
    """The transaction conflicted with another one. Nothing was changed; a retry may succeed."""

    code = grpc.StatusCode.ABORTED
    reason = "CONFLICT"
    message = Localized("操作冲突，请重试", "The operation conflicted with another one; try again")


def to_status(error: DomainError, request_id: str, language: Language) -> status_pb2.Status:
    """Returns the google.rpc.Status of an error: ErrorInfo, the error's own details and the request id.

    The message and the texts in the details are in `language`.
    """
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=dict(error.metadata))
    status = status_pb2.Status(code=_number(error.code), message=error.text.in_language(language))
    for detail in (info, *error.details(language), error_details_pb2.RequestInfo(request_id=request_id)):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def reason_of(error: grpc.RpcError) -> str | None:
    """Returns the reason in the ErrorInfo of another FastMP service's error, or None without one."""
    trailing: Iterable[tuple[str, str | bytes]] = ()
    if isinstance(error, grpc.Call):
        trailing = error.trailing_metadata() or ()
    for key, value in trailing:
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info) and info.domain == DOMAIN:
                    return str(info.reason)
    return None


def _number(code: grpc.StatusCode) -> int:
    number, _ = code.value
    return int(number)
