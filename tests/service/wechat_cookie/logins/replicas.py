"""Replicas of the login half of WeChatCookie in this process: real servers, poller, PostgreSQL and emulator."""

import datetime
import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from prometheus_client import CollectorRegistry

from deploy.wechat_emulator.running import RunningEmulator
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.identity.client import IdentityUnavailableError
from services.chassis.identity.principals import Principal, UnauthenticatedError
from services.chassis.mutual_tls import TlsFiles, channel_credentials
from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.wechat_cookie.api.logins import WAITING_PATHS, LoginParts, LoginRpcs
from services.wechat_cookie.logins.engine import LoginEngine
from services.wechat_cookie.logins.rules.state import LoginLimits
from services.wechat_cookie.logins.work.threads import LoginThreads
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.settings import MpSettings
from tests.service.wechat_cookie.logins.callers import Caller

SERVICE = pb.DESCRIPTOR.services_by_name["WeChatCookieService"]
QUICK = LoginLimits(
    poll_seconds=0.05,
    slowest_poll_seconds=0.1,
    retry_seconds=0.02,
    preparing_seconds=12,
    start_lease_seconds=1,
    lease_seconds=1.5,
    starts_per_account=1_000_000,
    starts_per_egress=1_000_000,
)
MakeClient = Callable[[MpSettings], MpClient]


def real_client(settings: MpSettings) -> MpClient:
    return MpClient(settings, time.time, random.Random(1))


class LoginServicer(LoginRpcs, pb_grpc.WeChatCookieServiceServicer):
    """The login RPCs alone."""


@dataclass
class Accounts:
    """Identity's part: who is behind a token."""

    known: dict[str, Principal] = field(default_factory=dict)
    reachable: bool = True
    # How many calls failed while it was not reachable.
    failed_calls: int = 0

    def add(self, role: str = "user") -> tuple[uuid.UUID, str]:
        """A new active account and its token."""
        account_id, token = uuid.uuid4(), uuid.uuid4().hex
        email = f"{account_id.hex}@example.com"
        self.known[token] = Principal(str(account_id), email, role, "active", tokens_valid_after=0)
        return account_id, token

    def principals(self, account_ids: Sequence[str]) -> Mapping[str, Principal]:
        """Identity's GetPrincipals."""
        if not self.reachable:
            self.failed_calls += 1
            raise IdentityUnavailableError
        by_id = {principal.account_id: principal for principal in self.known.values()}
        return {one: by_id[one] for one in account_ids if one in by_id}

    def authenticate(self, token: str, _suffices: object = None) -> Principal:
        if token not in self.known:
            raise UnauthenticatedError
        return self.known[token]


@dataclass
class Replica:
    engine: LoginEngine
    server: Server
    database: Database
    accounts: Accounts
    registry: CollectorRegistry
    certificates: Mapping[str, TlsFiles]
    stack: ExitStack

    def streams(self) -> float:
        """How many login streams are open."""
        names = [f"/{SERVICE.full_name}/{name}" for name in ("StartLogin", "WatchLogin")]
        gauge = "grpc_server_calls_in_progress"
        labels = [{"method": name, "type": "stream"} for name in names]
        return sum(self.registry.get_sample_value(gauge, one) or 0 for one in labels)

    def caller(self, token: str) -> Caller:
        credentials = channel_credentials(self.certificates["gateway"])
        channel = grpc.secure_channel(f"127.0.0.1:{self.server.port}", credentials)
        self.stack.callback(channel.close)
        return Caller(pb_grpc.WeChatCookieServiceStub(channel), token)

    def account(self, role: str = "user") -> Caller:
        """A new account that calls this replica."""
        return self.caller(self.accounts.add(role)[1])


@dataclass
class Cluster:
    """Replicas on one database and one emulator."""

    url: str
    vault: Vault
    emulator: RunningEmulator
    certificates: Mapping[str, TlsFiles]
    clock: Callable[[], datetime.datetime]
    stack: ExitStack
    accounts: Accounts = field(default_factory=Accounts)

    def replica(
        self,
        limits: LoginLimits = QUICK,
        make_client: MakeClient = real_client,
        *,
        base_url: str | None = None,
        threads: LoginThreads | None = None,
        begin_seconds: float = 13.0,
        **mp_settings: float | str,
    ) -> Replica:
        """One more replica, started. `mp_settings` changes MpSettings."""
        ca_file = self.emulator.ca_file
        settings = MpSettings(
            base_url=base_url or self.emulator.base_url,
            ca_file=Path(ca_file) if ca_file else None,
            **mp_settings,  # type: ignore[arg-type]
        )
        client = self.stack.enter_context(make_client(settings))
        database = Database(self.url, pool_size=16)
        self.stack.callback(database.dispose)
        registry = CollectorRegistry()
        engine = LoginEngine(
            database,
            self.url,
            self.vault,
            client,
            limits,
            threads
            or LoginThreads(polls=16, acts=4, heartbeat_seconds=0.5, beat_seconds=0.1, sweep_seconds=0.1),
            self.clock,
            registry,
            self.accounts.principals,
        )
        server = Server(
            SERVICE,
            Listen("127.0.0.1", 0, 0, 0),
            self.certificates["wechat_cookie"],
            self.accounts,
            self.clock,
            lambda: True,
            Pool(unary_threads=16, max_streams=200, waiting=WAITING_PATHS, streams_per_account=200),
            registry,
        )
        parts = LoginParts(engine.account_logins, self.clock, begin_seconds)
        server.add(pb_grpc.add_WeChatCookieServiceServicer_to_server, LoginServicer(parts))
        server.start()
        self.stack.callback(server.stop, drain_seconds=0, grace_seconds=0)
        engine.start()
        self.stack.callback(engine.stop)
        return Replica(engine, server, database, self.accounts, registry, self.certificates, self.stack)
