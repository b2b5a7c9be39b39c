"""The exceptions that calls raise: one per gRPC code, with the reason from the service."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


@dataclass(eq=False)
class FastMPError(Exception):
    """A call failed. There is a subclass for each usual code; other codes raise this class.

    `reason` is for programs: one of the UPPER_SNAKE reasons in the protos; empty if no service answered. `message`
    is for people: a service's, in the language of the channel, or gRPC's own.
    Neither contains a secret.
    """

    code: grpc.StatusCode
    reason: str
    message: str
    # How long to wait before a retry, if the service specified it.
    retry_after: datetime.timedelta | None = None
    # Further information for programs, for example "health" and "cooling_until" of COOKIE_UNUSABLE.
    metadata: Mapping[str, str] = field(default_factory=dict)
    # Descriptions of the invalid values by the request's field.
    violations: Mapping[str, str] = field(default_factory=dict)
    # The id of the call in the service's log; empty if no service answered.
    request_id: str = ""

    def __str__(self) -> str:
        return f"{self.reason or self.code.name}: {self.message}"


class InvalidRequestError(FastMPError):
    """INVALID_ARGUMENT: the request is invalid in any state; `violations` names the fields."""


class UnauthenticatedError(FastMPError):
    """UNAUTHENTICATED: the access token is missing, invalid, expired or revoked."""


class PermissionDeniedError(FastMPError):
    """PERMISSION_DENIED: the account or the certificate's name may not make this call."""


class NotFoundError(FastMPError):
    """NOT_FOUND: the object does not exist, or does not belong to the caller."""


class AlreadyExistsError(FastMPError):
    """ALREADY_EXISTS: the request conflicts with an existing object."""


class FailedPreconditionError(FastMPError):
    """FAILED_PRECONDITION: not possible in the current state, for example COOKIE_UNUSABLE."""


class AbortedError(FastMPError):
    """ABORTED: the call conflicted with a concurrent one and changed nothing; a retry may succeed."""


class ThrottledError(FastMPError):
    """RESOURCE_EXHAUSTED: a limit was reached; `retry_after` says when to retry."""


class UnavailableError(FastMPError):
    """UNAVAILABLE: the service cannot be reached or cannot work now.

    If `reason` is empty, the call may have taken effect.
    """


class DeadlineExceededError(FastMPError):
    """DEADLINE_EXCEEDED: no answer in time. The call may have taken effect."""


_BY_CODE: Mapping[grpc.StatusCode, type[FastMPError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.ABORTED: AbortedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ThrottledError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
}


def typed(error: grpc.RpcError) -> FastMPError:
    """Returns the exception for a failed call, with the details of its google.rpc.Status."""
    failure = _BY_CODE.get(error.code(), FastMPError)(error.code(), "", error.details() or "")
    status = _status_of(error)
    if status is None:
        return failure
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry, request = error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
    for detail in status.details:
        if detail.Unpack(info):
            failure.reason, failure.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(retry):
            failure.retry_after = retry.retry_delay.ToTimedelta()
        elif detail.Unpack(bad):
            failure.violations = {item.field: item.description for item in bad.field_violations}
        elif detail.Unpack(request):
            failure.request_id = request.request_id
    return failure


def _status_of(error: grpc.RpcError) -> status_pb2.Status | None:
    if not isinstance(error, grpc.Call):
        return None
    try:
        return rpc_status.from_call(error)
    except ValueError:
        # The details do not match the code or message, which were replaced by something in between.
        return None
