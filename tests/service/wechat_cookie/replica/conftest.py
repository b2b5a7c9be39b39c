"""Replicas of WeChatCookie as they are put together for production, beside a real replica of Identity."""

import datetime
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fastmp.identity.v1 import identity_service_pb2 as identity_pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.channels import channel
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from services.chassis.vault import Vault
from services.identity.composition import Identity
from services.wechat_cookie.composition import WeChatCookie
from services.wechat_cookie.cookies import saving
from services.wechat_cookie.cookies.cookie import Cookie
from services.wechat_cookie.settings import WeChatCookieSettings
from tests.service.identity import replicas as identity_replicas
from tests.service.identity.replicas import Account, Callers
from tests.service.wechat_cookie.store import JAR
from tests.support.postgres import FreshDatabase

# The port is closed, so a login fails immediately and no test reaches the real WeChat.
NOWHERE = "http://127.0.0.1:9"


def utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class IdentityReplica:
    """Identity, its callers and its admin."""

    identity: Identity
    callers: Callers
    admin: Account

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.identity.server.port}"

    def active_account(self, name: str) -> Account:
        """A new account with access."""
        account = identity_replicas.sign_up(self.callers, f"{name}@example.com")
        self.update(account, activation_status="active")
        return account

    def update(self, account: Account, **changes: str) -> None:
        request = identity_pb.UpdateUserRequest(user_id=account.id, **changes)  # type: ignore[arg-type]
        self.callers.gateway.UpdateUser(request, metadata=self.admin.bearer)

    def delete(self, account: Account) -> None:
        request = identity_pb.DeleteUserRequest(user_id=account.id)
        self.callers.gateway.DeleteUser(request, metadata=self.admin.bearer)


@dataclass(frozen=True)
class Surroundings:
    """What replicas of WeChatCookie share, and what each gets."""

    database_url: str
    database: Database
    key: str
    state: Path
    certificates: Mapping[str, TlsFiles]
    held: ExitStack

    @property
    def root(self) -> Path:
        return self.state / "static" / "cookies"

    def settings(self, identity_address: str, **others: object) -> WeChatCookieSettings:
        """Settings of a replica on ports that the system chooses."""
        tls = self.certificates["wechat_cookie"]
        values: dict[str, object] = {
            "wechat_cookie_database_url": self.database_url,
            "wechat_cookie_port": 0,
            "wechat_cookie_ops_port": 0,
            "wechat_cookie_metrics_port": 0,
            "identity_address": identity_address,
            "cookie_keys": self.key,
            "wechat_base_url": NOWHERE,
            "fastmp_state_dir": self.state,
            "tls_ca_file": tls.ca_file,
            "tls_certificate_file": tls.certificate_file,
            "tls_key_file": tls.key_file,
            "audit_key": "test-only-audit-key-5f2c9e71b8d04a36",
            "poll_threads": 2,
            "act_threads": 2,
            "drain_seconds": 0,
        }
        return WeChatCookieSettings.model_validate(values | others)

    def start(self, identity_address: str, **others: object) -> WeChatCookie:
        """A replica that answers; stopped at the end unless that has happened before."""
        replica = WeChatCookie(self.settings(identity_address, **others), utc_now)
        replica.lifecycle.start()
        self.held.callback(replica.lifecycle.stop, 0)
        return replica

    def stub(self, replica: WeChatCookie, caller: str) -> pb_grpc.WeChatCookieServiceStub:
        connection = channel(f"127.0.0.1:{replica.server.port}", "wechat_cookie", self.certificates[caller])
        self.held.callback(connection.close)
        return pb_grpc.WeChatCookieServiceStub(connection)

    def save(self, account: Account, token: str) -> Cookie:
        """What a login of this account yields."""
        new = saving.NewCookie(
            uuid.uuid4(), token, uuid.UUID(account.id), account.email, None, JAR, utc_now()
        )
        with self.database.transaction() as connection:
            return saving.save(connection, Vault([self.key]), new)


@pytest.fixture
def surroundings(
    fresh_database: FreshDatabase, certificates: Mapping[str, TlsFiles], tmp_path: Path
) -> Iterator[Surroundings]:
    url = fresh_database("wechat_cookie")
    database = Database(url, pool_size=4)
    with ExitStack() as held:
        held.callback(database.dispose)
        key = Fernet.generate_key().decode()
        yield Surroundings(url, database, key, tmp_path / "state", certificates, held)


@pytest.fixture
def start_identity(
    fresh_database: FreshDatabase, certificates: Mapping[str, TlsFiles]
) -> Iterator[Callable[[], IdentityReplica]]:
    with ExitStack() as held:

        def start() -> IdentityReplica:
            clock = identity_replicas.Clock()
            replica, callers = held.enter_context(
                identity_replicas.running(fresh_database("identity"), certificates, clock)
            )
            email, password = identity_replicas.ADMIN_EMAIL, identity_replicas.ADMIN_PASSWORD
            made = replica.administration.create(email, password, "admin")
            admin = identity_replicas.sign_in(callers, str(made.id), email, password)
            return IdentityReplica(replica, callers, admin)

        yield start


@pytest.fixture
def identity(start_identity: Callable[[], IdentityReplica]) -> IdentityReplica:
    return start_identity()
