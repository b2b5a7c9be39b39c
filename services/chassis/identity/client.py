"""The client of Identity for the other services: authenticating tokens and looking up accounts."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import replace

import grpc
import structlog

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis import context as calls
from services.chassis.channels import channel
from services.chassis.errors import DomainError, reason_of
from services.chassis.identity.principals import (
    AuthenticatedToken,
    Principal,
    TokenExpiredError,
    TokenRevokedError,
    UnauthenticatedError,
)
from services.chassis.language import Localized
from services.chassis.mutual_tls import TlsFiles

_log = structlog.get_logger(__name__)

SERVICE = pb.DESCRIPTOR.services_by_name["IdentityService"].full_name
IDEMPOTENT = tuple(
    (SERVICE, method) for method in ("Authenticate", "GetPrincipals", "ApplyActivation", "ClearActivation")
)

_BEFORE_ALL = "00000000-0000-0000-0000-000000000000"


class IdentityUnavailableError(DomainError):
    """Identity does not answer. A retry is safe."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "IDENTITY_UNAVAILABLE"
    message = Localized(
        "账号服务暂时不可用，请稍后再试",
        "The account service is not available; try again later",
    )


def identity_channel(addresses: str, tls: TlsFiles) -> grpc.Channel:
    """Returns a channel to Identity's replicas at `addresses`, one "host:port" or several separated by commas."""
    return channel(addresses, "identity", tls, IDEMPOTENT)


class IdentityClient:
    """The read side of Identity's internal RPCs. Thread-safe."""

    def __init__(self, identity: grpc.Channel) -> None:
        self._stub = pb_grpc.IdentityServiceStub(identity)

    def authenticate(self, token: str) -> AuthenticatedToken:
        """Returns the token's account.

        Raises UnauthenticatedError, or one of its subclasses, if the token is not valid, and
        IdentityUnavailableError.
        """
        request = pb.AuthenticateRequest(token=token)
        try:
            answer = self._stub.Authenticate(request, timeout=calls.outgoing_timeout(), metadata=metadata())
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise _refusal(reason_of(error) or "") from error
            raise unavailable(error) from error
        return _authenticated(answer)

    def principals(
        self, account_ids: Sequence[str], most_seconds: float = calls.DEFAULT_TIMEOUT_SECONDS
    ) -> dict[str, Principal]:
        """Returns those of at most 1,000 accounts that exist, by id. Raises IdentityUnavailableError."""
        found = self._get(pb.GetPrincipalsRequest(account_ids=account_ids), most_seconds)
        return {principal.account_id: principal for principal in found}

    def all_principals(self) -> Iterator[list[Principal]]:
        """Yields all accounts, at most 1,000 at a time. Raises IdentityUnavailableError."""
        after = _BEFORE_ALL
        while found := self._get(pb.GetPrincipalsRequest(after_account_id=after)):
            yield found
            after = found[-1].account_id

    def principals_at(self, account_ids: Sequence[str]) -> tuple[int, dict[str, Principal]]:
        """Returns what principals() returns, and the feed's sequence that the answer is at least as new as."""
        answer = self._answer(pb.GetPrincipalsRequest(account_ids=account_ids))
        return answer.sequence, {one.account_id: principal_of(one) for one in answer.principals}

    def principal_with_email(self, email: str) -> Principal | None:
        """Returns the account with this e-mail by Identity's rule. Raises IdentityUnavailableError."""
        return next(iter(self._get(pb.GetPrincipalsRequest(email=email))), None)

    def _get(
        self, request: pb.GetPrincipalsRequest, most_seconds: float = calls.DEFAULT_TIMEOUT_SECONDS
    ) -> list[Principal]:
        return [principal_of(principal) for principal in self._answer(request, most_seconds).principals]

    def _answer(
        self, request: pb.GetPrincipalsRequest, most_seconds: float = calls.DEFAULT_TIMEOUT_SECONDS
    ) -> pb.GetPrincipalsResponse:
        timeout = min(most_seconds, calls.outgoing_timeout())
        try:
            return self._stub.GetPrincipals(request, timeout=timeout, metadata=metadata())
        except grpc.RpcError as error:
            raise unavailable(error) from error


def unavailable(error: grpc.RpcError) -> IdentityUnavailableError:
    """Logs a failed call to Identity, and returns the error for the caller."""
    _log.warning("identity_call_failed", code=error.code().name, reason=reason_of(error))
    return IdentityUnavailableError()


def principal_of(message: pb.Principal) -> Principal:
    """Returns the principal in an answer of Identity."""
    expires = message.HasField("expired_time")
    return Principal(
        account_id=message.account_id,
        email=message.email,
        role=message.role,
        activation_status=message.activation_status,
        expired_time=message.expired_time.ToDatetime(tzinfo=datetime.UTC) if expires else None,
        tokens_valid_after=message.tokens_valid_after if message.HasField("tokens_valid_after") else None,
        lacks_second_factor=message.lacks_second_factor,
    )


def _authenticated(answer: pb.AuthenticateResponse) -> AuthenticatedToken:
    expire_time = answer.token_expire_time.ToDatetime(tzinfo=datetime.UTC)
    principal = replace(principal_of(answer.principal), token_expire_time=expire_time)
    return AuthenticatedToken(principal, expire_time, answer.sequence)


def _refusal(reason: str) -> UnauthenticatedError:
    refusals = {refusal.reason: refusal for refusal in (TokenExpiredError, TokenRevokedError)}
    return refusals.get(reason, UnauthenticatedError)()


def metadata() -> tuple[tuple[str, str], ...]:
    """Returns the metadata of a call to Identity: the request id of the current call."""
    request_id = calls.request_id()
    return (("x-request-id", request_id),) if request_id else ()
