"""What a call can fail with: one exception per gRPC code, with the reason that the service gave."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


@dataclass(eq=False)
class FastMPError(Exception):
    """A call failed. The subclass says how; codes without one of their own raise this class.

    `reason` is for programs, UPPER_SNAKE as the protos list them; empty when no service answered. `message` is
    for people: in Chinese from a service, else gRPC's. Neither holds a secret.
    """

    code: grpc.StatusCode
    reason: str
    message: str
    # How long to wait before a repeat can help, where the service said so.
    retry_after: datetime.timedelta | None = None
    # Further facts for programs, for example "health" and "cooling_until" of COOKIE_UNUSABLE.
    metadata: Mapping[str, str] = field(default_factory=dict)
    # What is wrong, by the request's field.
    violations: Mapping[str, str] = field(default_factory=dict)
    # The call's name in the service's log lines; empty when no service answered.
    request_id: str = ""

    def __str__(self) -> str:
        return f"{self.reason or self.code.name}: {self.message}"


class InvalidRequestError(FastMPError):
    """INVALID_ARGUMENT: the request is wrong whatever the state is; `violations` names the fields."""


class UnauthenticatedError(FastMPError):
    """UNAUTHENTICATED: the access token is missing, wrong, expired or revoked."""


class PermissionDeniedError(FastMPError):
    """PERMISSION_DENIED: the account or the certificate's name may not do this."""


class NotFoundError(FastMPError):
    """NOT_FOUND: there is none, or none that is the caller's."""


class AlreadyExistsError(FastMPError):
    """ALREADY_EXISTS: it clashes with something that is there."""


class FailedPreconditionError(FastMPError):
    """FAILED_PRECONDITION: not in this state, for example COOKIE_UNUSABLE."""


class AbortedError(FastMPError):
    """ABORTED: it lost against another call and changed nothing; a repeat may succeed."""


class ThrottledError(FastMPError):
    """RESOURCE_EXHAUSTED: too much at the moment; `retry_after` says when to come back."""


class UnavailableError(FastMPError):
    """UNAVAILABLE: the service cannot be reached or cannot work now.

    A call that is not idempotent may have been done all the same when `reason` is empty.
    """


class DeadlineExceededError(FastMPError):
    """DEADLINE_EXCEEDED: no answer in time. A call that is not idempotent may have been done all the same."""


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
    """The exception that stands for a call's failure, filled in from its google.rpc.Status."""
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
        # Something on the way replaced the code or the message: the details are those of another error.
        return None
