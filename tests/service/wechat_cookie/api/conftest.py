"""The cookie RPCs on a real server with real mutual TLS, called by accounts and by programs."""

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from prometheus_client import CollectorRegistry

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.audit.recording import AuditLog
from services.chassis.grpc_server.server import Listen, Pool, Server
from services.chassis.identity.client import IdentityUnavailableError
from services.chassis.identity.principals import Principal, UnauthenticatedError
from services.chassis.mutual_tls import TlsFiles, channel_credentials
from services.chassis.throttling.attempts import Attempts
from services.identity.accounts.emails import email_key
from services.wechat_cookie.api.cookies import CookieParts, CookieRpcs
from services.wechat_cookie.api.data_calls import DataCallRpcs
from services.wechat_cookie.audit_tables import audit
from services.wechat_cookie.cookies.handing_out import HandingOut
from services.wechat_cookie.cookies.own_cookies import WINDOW, OwnCookies
from services.wechat_cookie.data_calls.calling import DataCalls
from services.wechat_cookie.data_calls.limits import BudgetLimits
from services.wechat_cookie.logins.store.tables import login_starts
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.data_pages import AccountsPage, ArticlesPage
from services.wechat_cookie.mp.errors import MpError
from tests.service.wechat_cookie.store import ANN, BOB, EMAILS, JAR, Store
from tests.support.audit_key import AUDIT_KEY

CHANGES_AN_HOUR = 3


class CookieServicer(CookieRpcs, DataCallRpcs, pb_grpc.WeChatCookieServiceServicer):
    """The cookie half of the service."""

    def __init__(self, cookies: CookieParts, data_calls: DataCalls) -> None:
        CookieRpcs.__init__(self, cookies)
        DataCallRpcs.__init__(self, data_calls)


@dataclass
class ScriptedWeChat:
    """WeChat's data interface: fails for the tokens in `failures`, and keeps the tokens that it was asked with."""

    failures: dict[str, MpError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    found: AccountsPage = field(default_factory=lambda: AccountsPage((), 0))
    listed: ArticlesPage = field(default_factory=lambda: ArticlesPage((), 0, 0))

    def search_accounts(self, cookies: MpCookies, token: str, *_: object) -> AccountsPage:
        self._ask(cookies, token)
        return self.found

    def list_articles(self, cookies: MpCookies, token: str, *_: object) -> ArticlesPage:
        self._ask(cookies, token)
        return self.listed

    def _ask(self, cookies: MpCookies, token: str) -> None:
        assert cookies == JAR
        self.asked.append(token)
        if token in self.failures:
            raise self.failures[token]


@dataclass
class Accounts:
    """Who exists, and whose token is whose: the token of an account is its id."""

    known: dict[str, Principal] = field(default_factory=dict)
    reachable: bool = True

    def put(self, account_id: uuid.UUID, role: str = "user", status: str = "active") -> None:
        email = EMAILS.get(account_id, f"{account_id}@example.com")
        self.known[str(account_id)] = Principal(str(account_id), email, role, status)

    def authenticate(self, token: str, _suffices: object = None) -> Principal:
        if token not in self.known:
            raise UnauthenticatedError
        return self.known[token]

    def principals(self, account_ids: Sequence[str]) -> Mapping[str, Principal]:
        if not self.reachable:
            raise IdentityUnavailableError
        return {one: self.known[one] for one in account_ids if one in self.known}

    def principal_with_email(self, email: str) -> Principal | None:
        if not self.reachable:
            raise IdentityUnavailableError
        found = (one for one in self.known.values() if email_key(one.email) == email_key(email))
        return next(found, None)


@dataclass
class Api:
    server: Server
    accounts: Accounts
    certificates: Mapping[str, TlsFiles]
    wechat: ScriptedWeChat
    channels: list[grpc.Channel] = field(default_factory=list)

    def stub(self, caller: str) -> pb_grpc.WeChatCookieServiceStub:
        """A stub whose certificate names `caller`."""
        credentials = channel_credentials(self.certificates[caller])
        self.channels.append(grpc.secure_channel(f"127.0.0.1:{self.server.port}", credentials))
        return pb_grpc.WeChatCookieServiceStub(self.channels[-1])


def bearer(account_id: uuid.UUID) -> tuple[tuple[str, str], ...]:
    """The metadata of a call by this account."""
    return (("authorization", f"Bearer {account_id}"),)


def refusal(error: grpc.RpcError) -> tuple[str, str, dict[str, str]]:
    """Code, reason and metadata of an error."""
    trailing: Any = error.trailing_metadata()
    details = next(value for key, value in trailing if key == "grpc-status-details-bin")
    status = status_pb2.Status.FromString(details)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return error.code().name, info.reason, dict(info.metadata)


def retry_seconds(error: grpc.RpcError) -> int:
    """The seconds after which the error says to retry."""
    trailing: Any = error.trailing_metadata()
    details = next(value for key, value in trailing if key == "grpc-status-details-bin")
    retry = error_details_pb2.RetryInfo()
    assert status_pb2.Status.FromString(details).details[1].Unpack(retry)
    return int(retry.retry_delay.seconds)


@pytest.fixture
def api(store: Store, certificates: Mapping[str, TlsFiles]) -> Iterator[Api]:
    accounts = Accounts()
    accounts.put(ANN)
    accounts.put(BOB)
    handing_out = HandingOut(
        store.database,
        store.vault,
        accounts,
        AuditLog(audit, AUDIT_KEY, store.clock),
        store.clock,
        uuid.uuid4,
    )
    server = Server(
        pb.DESCRIPTOR.services_by_name["WeChatCookieService"],
        Listen("127.0.0.1", 0, 0, 0),
        certificates["wechat_cookie"],
        accounts,
        store.clock,
        lambda: True,
        Pool(unary_threads=8, max_streams=2),
        CollectorRegistry(),
    )
    own_cookies = OwnCookies(
        store.database,
        AuditLog(audit, AUDIT_KEY, store.clock),
        Attempts(store.database, login_starts, WINDOW, store.clock),
        CHANGES_AN_HOUR,
        store.clock,
    )
    parts = CookieParts(store.database, store.folders, handing_out, own_cookies, store.clock)
    wechat = ScriptedWeChat()
    data_calls = DataCalls(
        store.database,
        store.vault,
        accounts,
        wechat,
        BudgetLimits(requests_per_hour=4, spacing_seconds=3),
        store.clock,
        random.Random(1),
    )
    servicer = CookieServicer(parts, data_calls)
    server.add(pb_grpc.add_WeChatCookieServiceServicer_to_server, servicer)
    server.start()
    running = Api(server, accounts, certificates, wechat)
    yield running
    for channel in running.channels:
        channel.close()
    server.stop(drain_seconds=0, grace_seconds=0)


@pytest.fixture
def stub(api: Api) -> pb_grpc.WeChatCookieServiceStub:
    """What the gateway calls."""
    return api.stub("gateway")


@pytest.fixture
def collector(api: Api) -> pb_grpc.WeChatCookieServiceStub:
    """What an internal program calls."""
    return api.stub("collector")
