"""Replacing every replica one by one under load: not one call through the gateway fails."""

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from tests.support import unix_http
from tests.support.gateway_calls import Answer, GatewayCaller
from tests.support.generous_limits import generous_environment
from tests.support.login_watchers import LoginWatcher, WatchedLogin
from tests.support.ready_accounts import ReadyAccount, ReadyAccounts
from tests.support.waiting import wait_until
from tests.whole_stack.steady_load import Call, SteadyLoad

SERVICES = ("identity", "activation", "wechat_cookie")
REPLICAS = dict.fromkeys(SERVICES, 2)
PASSWORD = "a password of the tests"
WATCHERS = 4


@pytest.fixture(scope="module")
def jwt_secret() -> str:
    return secrets.token_urlsafe(48)


@pytest.fixture(scope="module")
def admin_socket() -> Iterator[Path]:
    """Where Envoy's administration interface says which replicas it holds to be healthy."""
    with unix_http.socket_path() as path:
        yield path


@pytest.fixture(scope="module")
def replicated(
    tmp_path_factory: pytest.TempPathFactory, jwt_secret: str, admin_socket: Path
) -> Iterator[LocalStack]:
    """Two replicas of each service behind Envoy."""
    settings = LocalSettings.side_by_side(tmp_path_factory.mktemp("rolling"), jwt_secret=jwt_secret)
    environment = generous_environment(ENVOY_ADMIN_SOCKET=str(admin_socket))
    with LocalStack(settings, replicas=REPLICAS, wechat_emulator=(), environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def admin(replicated: LocalStack, jwt_secret: str) -> ReadyAccount:
    accounts = ReadyAccounts(replicated.database_url("identity"), jwt_secret, PASSWORD)
    return accounts.make(1, role="admin")[0]


@pytest.fixture
def code(replicated: LocalStack, admin: ReadyAccount) -> str:
    """A code that the admin's account has redeemed."""
    with GatewayCaller(replicated.gateway_url, admin.token) as caller:
        code = str(
            caller.post("/activation/generate", valid_days=30, count=1).body["codes"][0]["activation_code"]
        )
        assert caller.post("/activation/activate", activation_code=code).ok
    return code


def calls(admin: ReadyAccount, code: str) -> dict[str, Call]:
    """Reads and writes at each service, safe to repeat and not."""
    return {
        "GET /auth/me": lambda caller: caller.get("/auth/me"),
        "GET /admin/users": lambda caller: caller.get("/admin/users", size=1),
        "POST /auth/login": lambda caller: caller.post("/auth/login", email=admin.email, password=PASSWORD),
        "GET /activation/list": lambda caller: caller.get("/activation/list", size=1),
        "POST /activation/generate": lambda caller: caller.post(
            "/activation/generate", valid_days=1, count=1
        ),
        "POST /activation/activate": lambda caller: caller.post("/activation/activate", activation_code=code),
        "GET /cookie/list": lambda caller: caller.get("/cookie/list"),
        "GET /cookie/get": begin_and_cancel,
    }


def begin_and_cancel(caller: GatewayCaller) -> Answer:
    """Starts a login and ends it again."""
    begun = caller.get("/cookie/get", inline_qr="false")
    return caller.post("/cookie/cancel", login_key=begun.body["login_key"]) if begun.ok else begun


def serving(admin_socket: Path, address: str) -> bool:
    """Whether Envoy sends calls to the replica."""
    text = unix_http.get(admin_socket, "/clusters").decode()
    return any(f"::{address}::health_flags::healthy" in line for line in text.splitlines())


@pytest.mark.timeout(300)
def test_no_call_fails_while_every_replica_is_replaced(
    replicated: LocalStack, admin: ReadyAccount, code: str, admin_socket: Path
) -> None:
    emulator = replicated.wechat_emulator
    assert emulator is not None
    kinds = calls(admin, code)
    replaced = threading.Event()
    phone_lock = threading.Lock()

    def scan_at_the_end(login: WatchedLogin, event: dict[str, Any]) -> None:
        """Holds the login open over all the restarts, then taps on the phone."""
        if "qr_code" in event:
            threading.Thread(target=scan, args=(event["qr_code"]["url"],), name="phone").start()

    def scan(url: str) -> None:
        replaced.wait()
        with phone_lock:
            phone.scan_and_confirm(url)

    watchers = [
        LoginWatcher(replicated.gateway_url, admin.token, scan_at_the_end, 240) for _ in range(WATCHERS)
    ]
    with (
        EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as phone,
        SteadyLoad(replicated.gateway_url, admin.token, kinds) as load,
    ):
        for watcher in watchers:
            watcher.start()
        wait_until(lambda: all(watcher.login.login_key for watcher in watchers), "the logins have begun", 30)
        for service in SERVICES:
            addresses = replicated.addresses(service)
            for name, address in zip((service, f"{service}-2"), addresses, strict=True):
                before = dict(load.counts)
                replicated.restart(name)
                wait_until(lambda at=address: serving(admin_socket, at), f"{name} is back", 30)  # type: ignore[misc]
                wait_until(
                    lambda before=before: all(load.counts[kind] > before.get(kind, 0) for kind in kinds),  # type: ignore[misc]
                    "the load goes on",
                    60,
                )
        replaced.set()
        logins = [watcher.join() for watcher in watchers]
    print()
    for kind, count in load.counts.items():
        print(f"    {count:6} × {kind}")
    print(f"    {sum(load.counts.values())} calls, {sum(load.failures.values())} failed")
    print(
        f"    {len(logins)} logins, attached again {sum(login.cuts for login in logins)} times, all succeeded"
    )
    assert dict(load.failures) == {}
    assert [login.refusals for login in logins] == [[]] * WATCHERS
    assert all(login.is_whole and login.token for login in logins)
    # Each stream was open at a replica of WeChatCookie, and both were replaced.
    assert all(login.cuts for login in logins)
