"""What codes do at Identity: they give an account its days, and take them back when they are deleted."""

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis import context as calls
from services.chassis.batching import Batching, TurnNotReachedError
from services.chassis.errors import reason_of
from services.chassis.identity.client import LARGEST_BATCH, IdentityUnavailableError, metadata, unavailable

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


@dataclass(frozen=True)
class _Wish:
    account_id: uuid.UUID
    activation_code: str = field(repr=False)
    expired_time: datetime.datetime
    request_id: str
    timeout: float


class Entitlements:
    """Identity's RPCs behind activation codes. Both are idempotent by the code. Thread-safe."""

    def __init__(self, identity: grpc.Channel) -> None:
        self._stub = pb_grpc.IdentityServiceStub(identity)
        self._together: Batching[_Wish, Entitlement | None] = Batching(self._apply_at_once, LARGEST_BATCH)

    def apply(
        self, account_id: uuid.UUID, activation_code: str, expired_time: datetime.datetime
    ) -> Entitlement:
        """Gives the account access until `expired_time`, an aware datetime.

        Raises EntitlementRefusedError, and IdentityUnavailableError when it is not known whether it happened.
        """
        timeout = calls.outgoing_timeout()
        wish = _Wish(account_id, activation_code, expired_time, calls.request_id(), timeout)
        try:
            return self._together.do(wish, timeout) or self._apply(wish)
        except TurnNotReachedError:
            raise IdentityUnavailableError from None

    def _apply_at_once(self, wishes: Sequence[_Wish]) -> list[Entitlement | None]:
        # Whoever must wait for somebody, or is to be refused, asks anew and alone.
        activations = [
            pb.ActivationToApply(
                account_id=str(wish.account_id),
                activation_code=wish.activation_code,
                expired_time=_timestamp(wish.expired_time),
                request_id=wish.request_id,
            )
            for wish in wishes
        ]
        request = pb.BatchApplyActivationsRequest(activations=activations)
        timeout = max(wish.timeout for wish in wishes)
        given: list[Entitlement | None] = [None] * len(wishes)
        try:
            answer = self._stub.BatchApplyActivations(request, timeout=timeout, metadata=metadata())
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                # An older replica of Identity, which takes them one by one.
                return given
            raise unavailable(error) from error
        for one in answer.applied:
            given[one.index] = _entitlement(one)
        return given

    def _apply(self, wish: _Wish) -> Entitlement:
        request = pb.ApplyActivationRequest(
            account_id=str(wish.account_id),
            activation_code=wish.activation_code,
            expired_time=_timestamp(wish.expired_time),
        )
        try:
            answer = self._stub.ApplyActivation(
                request, timeout=calls.outgoing_timeout(), metadata=metadata()
            )
        except grpc.RpcError as error:
            reason = reason_of(error)
            if reason in REFUSALS:
                raise EntitlementRefusedError(reason) from error
            raise unavailable(error) from error
        return _entitlement(answer)

    def clear(self, activation_code: str) -> None:
        """Takes back what the code gave, if anything. Raises IdentityUnavailableError."""
        request = pb.ClearActivationRequest(activation_code=activation_code)
        try:
            self._stub.ClearActivation(request, timeout=calls.outgoing_timeout(), metadata=metadata())
        except grpc.RpcError as error:
            raise unavailable(error) from error


def _timestamp(time: datetime.datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def _entitlement(answer: pb.ApplyActivationResponse | pb.AppliedActivation) -> Entitlement:
    until = answer.expired_time.ToDatetime(tzinfo=datetime.UTC)
    return Entitlement(answer.email, answer.activation_status, until)
