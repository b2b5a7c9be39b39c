"""Replicas of WeChatCookie with real mutual TLS, whose answers a test writes."""

import contextlib
import datetime
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from fastmp.client import TlsFiles, WeChatCookieClient
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis import mutual_tls
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.identity.principals import Principal, UnauthenticatedError

TOKEN = "a-token-of-the-tests"
SERVICE = pb.DESCRIPTOR.services_by_name["WeChatCookieService"]
ACTIVE = Principal("an-id", "alice@example.com", "admin", "active")
STREAMING = {"StartLogin", "WatchLogin"}


class OneToken:
    """An authenticator that knows one token."""

    def authenticate(self, token: str, _suffices: object = None) -> Principal:
        if token != TOKEN:
            raise UnauthenticatedError
        return ACTIVE


@dataclass
class Replica:
    """One server. `answers` holds a function per RPC, called with the request; a stream's gives an iterator."""

    answers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    # How often each RPC was called, and with what it was last.
    calls: Counter[str] = field(default_factory=Counter)
    metadata: dict[str, str | bytes] = field(default_factory=dict)
    port: int = 0

    def servicer(self) -> pb_grpc.WeChatCookieServiceServicer:
        """The servicer that answers from `answers`."""

        def unary(name: str) -> Callable[[Any, Any], Any]:
            return lambda request, context: self._answer(name, request, context)

        def streaming(name: str) -> Callable[[Any, Any], Any]:
            def stream(request: Any, context: Any) -> Iterator[Any]:
                yield from self._answer(name, request, context)

            return stream

        servicer = pb_grpc.WeChatCookieServiceServicer()
        for method in SERVICE.methods:
            handler = (streaming if method.name in STREAMING else unary)(method.name)
            setattr(servicer, method.name, handler)
        return servicer

    def _answer(self, name: str, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls[name] += 1
        self.metadata = dict(context.invocation_metadata())
        return self.answers[name](request)


@pytest.fixture
def start_replica(certificates: Mapping[str, mutual_tls.TlsFiles]) -> Iterator[Callable[..., Replica]]:
    """Starts a replica; by default with the certificate of WeChatCookie."""
    with contextlib.ExitStack() as held:

        def start(certificate: str = "wechat_cookie") -> Replica:
            replica = Replica()
            server = Server(
                SERVICE,
                Listen("127.0.0.1", 0, 0, 0),
                certificates[certificate],
                OneToken(),
                lambda: datetime.datetime.now(datetime.UTC),
                lambda: True,
                Pool(unary_threads=4, max_streams=4),
                CollectorRegistry(),
            )
            held.callback(server.stop, drain_seconds=0, grace_seconds=0)
            server.add(pb_grpc.add_WeChatCookieServiceServicer_to_server, replica.servicer())
            server.start()
            replica.port = server.port
            return replica

        yield start


@pytest.fixture
def replica(start_replica: Callable[..., Replica]) -> Replica:
    return start_replica()


@pytest.fixture
def tls(certificates: Mapping[str, mutual_tls.TlsFiles]) -> TlsFiles:
    """The certificate of an internal program."""
    files = certificates["collector"]
    return TlsFiles(files.ca_file, files.certificate_file, files.key_file)


@pytest.fixture
def client(replica: Replica, tls: TlsFiles) -> Iterator[WeChatCookieClient]:
    with WeChatCookieClient(f"127.0.0.1:{replica.port}", tls, access_token=TOKEN) as client:
        yield client
