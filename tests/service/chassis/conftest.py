"""A real server of the chassis around a small servicer, with real mutual TLS; an audit log."""

import datetime
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, make_url

from deploy.local.postgres import PostgresServer
from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.identity.principals import Principal, UnauthenticatedError
from services.chassis.mutual_tls import TlsFiles, channel_credentials
from tests.service.chassis.audit_world import CREATE, DROP, World, run

QUEUEING = "/fastmp.identity.v1.IdentityService/Login"
NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
SERVICE = pb.DESCRIPTOR.services_by_name["IdentityService"]


class Scripted(pb_grpc.IdentityServiceServicer):
    """Answers with whatever the test puts into `do`; called with the request and the context."""

    do: Callable[[Any, grpc.ServicerContext], Any]

    def Register(self, request: Any, context: Any) -> Any:
        return self.do(request, context)

    def Login(self, request: Any, context: Any) -> Any:
        return self.do(request, context)

    def GetMe(self, request: Any, context: Any) -> Any:
        return self.do(request, context)

    def Authenticate(self, request: Any, context: Any) -> Any:
        return self.do(request, context)

    def ListUsers(self, request: Any, context: Any) -> Any:
        return self.do(request, context)

    def WatchAccounts(self, request: Any, context: Any) -> Iterator[Any]:
        yield from self.do(request, context)


@dataclass
class Principals:
    """An authenticator that knows the tokens it is given."""

    known: dict[str, Principal] = field(default_factory=dict)

    def authenticate(self, token: str, _suffices: object = None) -> Principal:
        if token not in self.known:
            raise UnauthenticatedError
        return self.known[token]


@dataclass
class Running:
    server: Server
    servicer: Scripted
    principals: Principals
    registry: CollectorRegistry
    certificates: Mapping[str, TlsFiles]
    is_ready: threading.Event
    channels: list[grpc.Channel] = field(default_factory=list)

    def channel(self, caller: str = "ops", port: int | None = None) -> grpc.Channel:
        """A channel whose certificate names `caller`."""
        credentials = channel_credentials(self.certificates[caller])
        opened = grpc.secure_channel(f"127.0.0.1:{port or self.server.port}", credentials)
        self.channels.append(opened)
        return opened

    def stub(self, caller: str = "ops") -> pb_grpc.IdentityServiceStub:
        return pb_grpc.IdentityServiceStub(self.channel(caller))


@pytest.fixture
def running(certificates: Mapping[str, TlsFiles]) -> Iterator[Running]:
    registry = CollectorRegistry()
    principals, servicer, is_ready = Principals(), Scripted(), threading.Event()
    is_ready.set()
    server = Server(
        SERVICE,
        Listen("127.0.0.1", 0, 0, 0),
        certificates["identity"],
        principals,
        lambda: NOW,
        is_ready.is_set,
        Pool(unary_threads=4, max_streams=2, queueing={QUEUEING}, queue=6),
        registry,
    )
    server.add(pb_grpc.add_IdentityServiceServicer_to_server, servicer)
    server.start()
    world = Running(server, servicer, principals, registry, certificates, is_ready)
    yield world
    for channel in world.channels:
        channel.close()
    server.stop(drain_seconds=0, grace_seconds=0)


@pytest.fixture
def world(postgres_server: PostgresServer) -> Iterator[World]:
    url = postgres_server.url("postgres")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    run(engine, CREATE)
    world = World(url)
    yield world
    world.database.dispose()
    run(engine, DROP)
    engine.dispose()
