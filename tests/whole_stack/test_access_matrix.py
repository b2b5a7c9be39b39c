"""Every RPC of the contract × every kind of caller, over gRPC and, where mapped, over REST.

The matrix is made from the protos: an RPC that is added is in it. Requests are empty, so a caller that is let in
changes nothing; that it was let in shows by an answer, or by an error that is not about who called.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import grpc
import pytest
from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from deploy.local.stack import LocalStack
from fastmp.access.v1 import access_pb2
from fastmp.activation.v1 import activation_service_pb2
from fastmp.identity.v1 import identity_service_pb2
from fastmp.notifications.v1 import notifications_service_pb2
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2
from services.chassis.access import AccessRule, rule_of
from services.chassis.channels import channel
from services.chassis.errors import reason_of
from tests.whole_stack.people import People, Person

SERVICES: dict[str, ServiceDescriptor] = {
    "identity": identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"],
    "activation": activation_service_pb2.DESCRIPTOR.services_by_name["ActivationService"],
    "wechat_cookie": wechat_cookie_service_pb2.DESCRIPTOR.services_by_name["WeChatCookieService"],
    "notifications": notifications_service_pb2.DESCRIPTOR.services_by_name["NotificationsService"],
}
METHODS = [(service, method) for service, descriptor in SERVICES.items() for method in descriptor.methods]
CERTIFICATES = ("identity", "activation", "wechat_cookie", "notifications", "gateway", "ops", "collector")
LET_IN = "let in"
ACCESS_REASONS = {
    *("TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED"),
    *("ACCOUNT_NOT_ACTIVATED", "ACTIVATION_EXPIRED", "ADMIN_REQUIRED", "CALLER_NOT_ALLOWED"),
    "SECOND_FACTOR_REQUIRED",
}


class Caller(Enum):
    NO_TOKEN = "no token"
    GARBAGE = "garbage"
    ALG_NONE = "alg none"
    WRONG_KEY = "wrong key"
    EXPIRED_TOKEN = "expired token"
    PENDING = "pending"
    ACTIVE = "active"
    PAST_ITS_DAYS = "activation expired"
    ADMIN = "admin"


REFUSED_TOKENS = {
    Caller.NO_TOKEN: "TOKEN_MISSING",
    Caller.GARBAGE: "TOKEN_INVALID",
    Caller.ALG_NONE: "TOKEN_INVALID",
    Caller.WRONG_KEY: "TOKEN_INVALID",
    Caller.EXPIRED_TOKEN: "TOKEN_EXPIRED",
}
REFUSED_ACCOUNTS = {
    access_pb2.ACTIVE: {
        Caller.PENDING: "ACCOUNT_NOT_ACTIVATED",
        Caller.PAST_ITS_DAYS: "ACTIVATION_EXPIRED",
    },
    access_pb2.ADMIN: dict.fromkeys((Caller.PENDING, Caller.ACTIVE, Caller.PAST_ITS_DAYS), "ADMIN_REQUIRED"),
}


def expected(rule: AccessRule, caller: Caller) -> str:
    """The reason of the refusal, or LET_IN, for a caller that is no internal service."""
    if rule.level == access_pb2.SERVICE:
        return "CALLER_NOT_ALLOWED"
    if rule.level == access_pb2.PUBLIC:
        return LET_IN
    return REFUSED_TOKENS.get(caller) or REFUSED_ACCOUNTS.get(rule.level, {}).get(caller) or LET_IN


@dataclass(frozen=True)
class Callers:
    """What each kind of caller sends as its Authorization, if anything."""

    people: People
    accounts: dict[Caller, Person]

    def authorization(self, caller: Caller, ends_tokens: bool) -> str | None:
        if caller is Caller.NO_TOKEN:
            return None
        active = self.accounts[Caller.ACTIVE]
        forged = {
            Caller.GARBAGE: "garbage",
            Caller.ALG_NONE: self.people.unsigned_token(active.id),
            Caller.WRONG_KEY: self.people.token(active.id, key="k" * 64),
            Caller.EXPIRED_TOKEN: self.people.token(active.id, age_seconds=7200),
        }
        if caller in forged:
            return f"Bearer {forged[caller]}"
        # Logout ends all tokens of its account, so it gets an account of its own.
        person = self.people.pending() if ends_tokens else self.accounts[caller]
        return f"Bearer {person.token}"


@pytest.fixture(scope="module")
def callers(people: People) -> Callers:
    accounts = {
        Caller.PENDING: people.pending(),
        Caller.ACTIVE: people.active(),
        Caller.PAST_ITS_DAYS: people.past_its_days(),
        Caller.ADMIN: people.another_admin(),
    }
    return Callers(people, accounts)


@pytest.fixture(scope="module")
def channels(stack: LocalStack) -> Iterator[dict[tuple[str, str], grpc.Channel]]:
    opened = {
        (service, name): channel(stack.addresses(service)[0], service, stack.tls_files(name))
        for service in SERVICES
        for name in CERTIFICATES
    }
    yield opened
    for one in opened.values():
        one.close()


def refusal(
    opened: grpc.Channel, method: MethodDescriptor, metadata: tuple[tuple[str, str], ...]
) -> grpc.RpcError | None:
    """The error of an empty request, or None when it was answered."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    request = message_factory.GetMessageClass(method.input_type)()
    answer = message_factory.GetMessageClass(method.output_type).FromString
    serialize = type(request).SerializeToString
    try:
        if method.server_streaming:
            stream = opened.unary_stream(path, serialize, answer)(request, timeout=20, metadata=metadata)
            next(stream)
            stream.cancel()
        else:
            opened.unary_unary(path, serialize, answer)(request, timeout=20, metadata=metadata)
    except grpc.RpcError as error:
        return error
    return None


def outcome(opened: grpc.Channel, method: MethodDescriptor, metadata: tuple[tuple[str, str], ...]) -> str:
    """The reason of the access refusal, or LET_IN."""
    error = refusal(opened, method, metadata)
    if error is None:
        return LET_IN
    reason = reason_of(error)
    assert error.code() not in {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}, error
    assert reason is not None, error
    # Authenticate answers about the token in its request, from any caller.
    about_the_caller = {"CALLER_NOT_ALLOWED"} if method.name == "Authenticate" else ACCESS_REASONS
    return reason if reason in about_the_caller else LET_IN


@pytest.mark.parametrize("caller", Caller, ids=lambda caller: caller.value)
@pytest.mark.parametrize(("service", "method"), METHODS, ids=lambda value: getattr(value, "name", value))
def test_grpc(
    channels: dict[tuple[str, str], grpc.Channel],
    callers: Callers,
    service: str,
    method: MethodDescriptor,
    caller: Caller,
) -> None:
    authorization = callers.authorization(caller, ends_tokens=method.name == "Logout")
    metadata = (("authorization", authorization),) if authorization else ()
    # No SERVICE method names the gateway, so its certificate gives nothing by itself.
    assert outcome(channels[service, "gateway"], method, metadata) == expected(rule_of(method), caller)


@pytest.mark.parametrize("name", CERTIFICATES)
@pytest.mark.parametrize(("service", "method"), METHODS, ids=lambda value: getattr(value, "name", value))
def test_service_certificates(
    channels: dict[tuple[str, str], grpc.Channel], service: str, method: MethodDescriptor, name: str
) -> None:
    rule = rule_of(method)
    if rule.level == access_pb2.SERVICE:
        wanted = LET_IN if name in rule.callers else "CALLER_NOT_ALLOWED"
    else:
        wanted = LET_IN if rule.level == access_pb2.PUBLIC else "TOKEN_MISSING"
    assert outcome(channels[service, name], method, ()) == wanted


def rest_calls() -> Iterator[tuple[MethodDescriptor, str, str]]:
    for _, method in METHODS:
        if method.GetOptions().HasExtension(annotations_pb2.http):
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            verb = rule.WhichOneof("pattern")
            yield method, verb.upper(), getattr(rule, verb)


REST_STATUS = {"TOKEN": 401, "ACCOUNT": 403, "ACTIVATION": 403, "ADMIN": 403}


@pytest.mark.parametrize("caller", Caller, ids=lambda caller: caller.value)
@pytest.mark.parametrize(
    ("method", "verb", "path"), list(rest_calls()), ids=lambda value: getattr(value, "name", None)
)
def test_rest(
    people: People, callers: Callers, method: MethodDescriptor, verb: str, path: str, caller: Caller
) -> None:
    authorization = callers.authorization(caller, ends_tokens=method.name == "Logout")
    nobodys = {"{user_id}": str(uuid.uuid4()), "{activation_code}": "0" * 32, "{token}": "1"}
    for placeholder, value in nobodys.items():
        path = path.replace(placeholder, value)
    options: dict[str, Any] = {"headers": {"Authorization": authorization} if authorization else {}}
    if verb in {"POST", "PUT"}:
        options["json"] = {}
    with people.rest(verb, path, stream=True, **options) as answer:
        wanted = expected(rule_of(method), caller)
        if wanted == LET_IN:
            wrong = ("WRONG_CREDENTIALS", "WRONG_SECOND_FACTOR")
            assert answer.status_code not in {401, 403} or any(reason in answer.text for reason in wrong)
            assert answer.status_code < 500
        else:
            assert answer.status_code == REST_STATUS[wanted.partition("_")[0]]
            assert answer.json()["details"][0]["reason"] == wanted
