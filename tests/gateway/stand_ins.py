"""Servers that stand in for the three services: the chassis' own, over mutual TLS, with answers from the test."""

import datetime
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
from prometheus_client import CollectorRegistry

from fastmp.activation.v1 import activation_service_pb2, activation_service_pb2_grpc
from fastmp.identity.v1 import identity_service_pb2, identity_service_pb2_grpc
from fastmp.notifications.v1 import notifications_service_pb2, notifications_service_pb2_grpc
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2, wechat_cookie_service_pb2_grpc
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.identity.principals import Principal, UnauthenticatedError
from services.chassis.mutual_tls import TlsFiles

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
ADMIN_TOKEN = "the-admins-token"
ADMIN = Principal("7d4e2a52-5c1e-4a55-9a63-0d5a0c0a4a11", "admin@example.com", "admin", "active")
OTHER_TOKENS = tuple(f"the-token-of-admin-{number}" for number in range(4))
MAX_STREAMS = 32

# An answer takes the request and the context; of a streaming RPC it gives an iterable.
Answer = Callable[[Any, grpc.ServicerContext], Any]

_MODULES: Mapping[str, tuple[Any, Any, str]] = {
    "identity": (identity_service_pb2, identity_service_pb2_grpc, "IdentityService"),
    "activation": (activation_service_pb2, activation_service_pb2_grpc, "ActivationService"),
    "wechat_cookie": (wechat_cookie_service_pb2, wechat_cookie_service_pb2_grpc, "WeChatCookieService"),
    "notifications": (notifications_service_pb2, notifications_service_pb2_grpc, "NotificationsService"),
}
SERVICES = tuple(_MODULES)


class Admins:
    """Knows the token of each."""

    def authenticate(self, token: str, _suffices: object = None) -> Principal:
        if token in OTHER_TOKENS:
            return replace(ADMIN, account_id=str(uuid.uuid5(uuid.NAMESPACE_OID, token)))
        if token != ADMIN_TOKEN:
            raise UnauthenticatedError
        return ADMIN


@dataclass
class StandIn:
    """One running service. What `answers` has no entry for is answered with an empty message.

    It keeps the `requests` that it got, and the `metadata` that came with each.
    """

    server: Server
    is_ready: threading.Event
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)

    def forget(self) -> None:
        """Drops the answers and all that was kept."""
        self.answers.clear()
        self.requests.clear()
        self.metadata.clear()


def start(service: str, tls: TlsFiles, port: int = 0, operations_port: int = 0) -> StandIn:
    """A stand-in for `service` with the certificate of `tls`; a port of 0 is one of the system's choice."""
    messages, generated, name = _MODULES[service]
    descriptor = messages.DESCRIPTOR.services_by_name[name]
    is_ready = threading.Event()
    is_ready.set()
    server = Server(
        descriptor,
        Listen("127.0.0.1", port, operations_port, 0),
        tls,
        Admins(),
        lambda: NOW,
        is_ready.is_set,
        Pool(unary_threads=8, max_streams=MAX_STREAMS),
        CollectorRegistry(),
    )
    stand_in = StandIn(server, is_ready)
    servicer = type(
        "Servicer", (), {method.name: _delegate(stand_in, method) for method in descriptor.methods}
    )
    server.add(getattr(generated, f"add_{name}Servicer_to_server"), servicer())
    server.start()
    return stand_in


def _delegate(stand_in: StandIn, method: Any) -> Callable[[object, Any, grpc.ServicerContext], Any]:
    def nothing(_request: Any, _context: grpc.ServicerContext) -> Any:
        return () if method.server_streaming else method.output_type._concrete_class()

    def answer(_self: object, request: Any, context: grpc.ServicerContext) -> Any:
        stand_in.requests.append(request)
        stand_in.metadata.append({key: str(value) for key, value in context.invocation_metadata()})
        return stand_in.answers.get(method.name, nothing)(request, context)

    def stream(self: object, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        yield from answer(self, request, context)

    return stream if method.server_streaming else answer
