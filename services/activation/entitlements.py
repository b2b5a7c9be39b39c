"""What codes do at Identity: they give an account its days, and take them back when they are deleted."""

import datetime
import uuid
from dataclasses import dataclass

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis import context as calls
from services.chassis.errors import reason_of
from services.chassis.identity_client import unavailable

ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
ACTIVATION_CLEARED = "ACTIVATION_CLEARED"
ACTIVATION_APPLIED_ELSEWHERE = "ACTIVATION_APPLIED_ELSEWHERE"
REFUSALS = frozenset({ACCOUNT_NOT_FOUND, ACTIVATION_CLEARED, ACTIVATION_APPLIED_ELSEWHERE})


@dataclass(frozen=True)
class Entitlement:
    """What a code gave an account, by Identity's first answer to it."""

    email: str
    activation_status: str
    expired_time: datetime.datetime


class EntitlementRefusedError(Exception):
    """Identity will never apply this code to this account; `reason` is one of REFUSALS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Entitlements:
    """Identity's RPCs behind activation codes. Both are idempotent by the code. Thread-safe."""

    def __init__(self, identity: grpc.Channel) -> None:
        self._stub = pb_grpc.IdentityServiceStub(identity)

    def apply(
        self, account_id: uuid.UUID, activation_code: str, expired_time: datetime.datetime
    ) -> Entitlement:
        """Gives the account access until `expired_time`, an aware datetime.

        Raises EntitlementRefusedError, and IdentityUnavailableError when it is not known whether it happened.
        """
        request = pb.ApplyActivationRequest(
            account_id=str(account_id), activation_code=activation_code, expired_time=_timestamp(expired_time)
        )
        try:
            answer = self._stub.ApplyActivation(
                request, timeout=calls.outgoing_timeout(), metadata=_metadata()
            )
        except grpc.RpcError as error:
            reason = reason_of(error)
            if reason in REFUSALS:
                raise EntitlementRefusedError(reason) from error
            raise unavailable(error) from error
        given = answer.expired_time.ToDatetime(tzinfo=datetime.UTC)
        return Entitlement(answer.email, answer.activation_status, given)

    def clear(self, activation_code: str) -> None:
        """Takes back what the code gave, if anything. Raises IdentityUnavailableError."""
        request = pb.ClearActivationRequest(activation_code=activation_code)
        try:
            self._stub.ClearActivation(request, timeout=calls.outgoing_timeout(), metadata=_metadata())
        except grpc.RpcError as error:
            raise unavailable(error) from error


def _timestamp(time: datetime.datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def _metadata() -> tuple[tuple[str, str], ...]:
    request_id = calls.request_id()
    return (("x-request-id", request_id),) if request_id else ()
