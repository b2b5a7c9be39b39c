"""Real replicas of Identity in this process, and callers of them over mutual TLS."""

import datetime
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import grpc
from pydantic import SecretStr

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis.channels import channel
from services.chassis.mutual_tls import TlsFiles
from services.identity.composition import Identity
from services.identity.settings import IdentitySettings

PASSWORD = "correct horse"
ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "battery staple"
SECRET = secrets.token_urlsafe(48)


class Clock:
    """The clock of the replicas: real time, moved by tests."""

    def __init__(self) -> None:
        self._ahead = datetime.timedelta()
        self._stopped: datetime.datetime | None = None

    def now(self) -> datetime.datetime:
        return (self._stopped or datetime.datetime.now(datetime.UTC)) + self._ahead

    def advance(self, **by: float) -> None:
        self._ahead += datetime.timedelta(**by)

    def stop(self) -> None:
        """From here on time passes by advance() only."""
        self._stopped = datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class Account:
    """A signed-in account, as its owner sees it."""

    id: str
    email: str
    token: str

    @property
    def bearer(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),)


class Callers:
    """Stubs of one replica by certificate name; each name has one channel."""

    def __init__(self, replica: Identity, certificates: Mapping[str, TlsFiles], held: ExitStack) -> None:
        self._replica = replica
        self._certificates = certificates
        self._held = held
        self._stubs: dict[str, pb_grpc.IdentityServiceStub] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> pb_grpc.IdentityServiceStub:
        with self._lock:
            if name not in self._stubs:
                address = f"127.0.0.1:{self._replica.server.port}"
                connection = channel(address, "identity", self._certificates[name])
                self._held.callback(connection.close)
                self._stubs[name] = pb_grpc.IdentityServiceStub(connection)
            return self._stubs[name]

    @property
    def gateway(self) -> pb_grpc.IdentityServiceStub:
        return self["gateway"]

    @property
    def activation(self) -> pb_grpc.IdentityServiceStub:
        return self["activation"]


def settings(database_url: str, tls: TlsFiles, **others: object) -> IdentitySettings:
    """Settings of a replica on ports that the system chooses."""
    values: dict[str, object] = {
        "identity_database_url": database_url,
        "identity_port": 0,
        "identity_ops_port": 0,
        "identity_metrics_port": 0,
        "tls_ca_file": tls.ca_file,
        "tls_certificate_file": tls.certificate_file,
        "tls_key_file": tls.key_file,
        "audit_key": "test-only-audit-key-5f2c9e71b8d04a36",
        "jwt_secret": SecretStr(SECRET),
        "database_pool_size": 10,
        "drain_seconds": 0,
    }
    return IdentitySettings.model_validate(values | others)


@contextmanager
def running(
    database_url: str, certificates: Mapping[str, TlsFiles], clock: Clock, **others: object
) -> Iterator[tuple[Identity, Callers]]:
    """A replica that answers, and its callers."""
    replica = Identity(settings(database_url, certificates["identity"], **others), clock.now)
    replica.lifecycle.start()
    with ExitStack() as held:
        held.callback(replica.lifecycle.stop, 0)
        yield replica, Callers(replica, certificates, held)


def sign_up(
    callers: Callers, email: str, password: str = PASSWORD, role: str | None = None, by: Account | None = None
) -> Account:
    """Registers and signs in; an account of another role is made by an admin."""
    if by is None:
        made = callers.gateway.Register(pb.RegisterRequest(email=email, password=password))
    else:
        request = pb.CreateUserRequest(email=email, password=password, role=role)
        made = callers.gateway.CreateUser(request, metadata=by.bearer)
    return sign_in(callers, made.id, email, password)


def sign_in(callers: Callers, account_id: str, email: str, password: str = PASSWORD) -> Account:
    answer = callers.gateway.Login(pb.LoginRequest(email=email, password=password))
    return Account(account_id, email, answer.access_token)


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str | None]:
    """Code and reason of a call that must fail."""
    from services.chassis.errors import reason_of

    try:
        call()
    except grpc.RpcError as error:
        return error.code(), reason_of(error)
    raise AssertionError("the call was let in")


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Returns as soon as the condition holds; fails when it does not in time."""
    import time

    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        pause.wait(0.01)
