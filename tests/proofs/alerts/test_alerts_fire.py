"""Each alert fires when its fault is there: a real Prometheus, the running stack, and the faults themselves."""

import contextlib
import json
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg
import pytest
import requests

from deploy import prometheus
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault
from tests.proofs.alerts.running_prometheus import Prometheus, running_prometheus
from tests.proofs.crashes.belongings import rows
from tests.support import unix_http
from tests.support.generous_limits import generous_environment
from tests.support.observability import alerts
from tests.support.ready_accounts import ReadyAccounts
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(500)

ASK = "/cgi-bin/scanloginqrcode?action=ask"
MOST_CONNECTIONS = 60
MOST_STREAMS = 6
# As many as fill Identity's threads, at their least.
CALLERS = 8
RATE_LIMITED = json.dumps({"base_resp": {"ret": 200013, "err_msg": "freq control"}})
COOKIE: LiteralString = """
    INSERT INTO cookies (
        id, token, owner_id, owner_email, created_time, expire_time, is_current, jar, revision, health
    )
    VALUES (
        gen_random_uuid(), '1', gen_random_uuid(), 'a@example.com', now(), now() + interval '3 hours', false, 'x',
        1, 'dead'
    )
"""
# No replica knows its task, so it cannot run.
JOB: LiteralString = """
    INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'fastmp:unknown')
"""


@dataclass(frozen=True)
class World:
    stack: LocalStack
    phone: EmulatorControl
    prometheus: Prometheus
    # Of an account with access, and of the administrator.
    token: str = field(repr=False)
    admin: str = field(repr=False)

    def get(self, path: str, token: str, **more: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(self.stack.gateway_url + path, headers=headers, timeout=60, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    program = prometheus.find("prometheus")
    if program is None:
        pytest.skip(prometheus.ADVICE)
    secret = secrets.token_urlsafe(48)
    settings = LocalSettings.side_by_side(
        tmp_path_factory.mktemp("alerts"), jwt_secret=secret, gateway_metrics_port=0
    )
    with contextlib.ExitStack() as held:
        admin_socket = held.enter_context(unix_http.socket_path())
        environment = generous_environment(
            ENVOY_ADMIN_SOCKET=str(admin_socket),
            MAX_CONNECTIONS=str(MOST_CONNECTIONS),
            MAX_STREAMS=str(MOST_STREAMS),
            UNARY_THREADS="4",
            DATABASE_POOL_SIZE="2",
            HASHING_THREADS="1",
            HASHING_QUEUE="2",
            POLL_SECONDS="0.2",
            MAX_LOGINS_PER_ACCOUNT="1000",
        )
        stack = held.enter_context(LocalStack(settings, wechat_emulator=(), environment=environment))
        emulator = stack.wechat_emulator
        assert emulator is not None
        phone = held.enter_context(
            EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file))
        )
        people = ReadyAccounts(stack.database_url("identity"), secret, secrets.token_urlsafe(16))
        [account], [admin] = people.make(1), people.make(1, role="admin")
        rows(stack, "identity", "UPDATE accounts SET activation_status = 'active'")
        running = held.enter_context(
            running_prometheus(program, stack, tmp_path_factory.mktemp("prometheus"))
        )
        yield World(stack, phone, running, account.token, admin.token)


@contextlib.contextmanager
def repeated(call: Callable[[], object], threads: int) -> Iterator[None]:
    """Repeats `call` on so many threads during the block, whatever it raises."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            with contextlib.suppress(requests.RequestException):
                call()

    running = [threading.Thread(target=run, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in running:
            thread.join(60)


@contextlib.contextmanager
def locked(world: World, service: str, table: LiteralString) -> Iterator[None]:
    """Keeps every statement from the table during the block, as a forgotten transaction does."""
    with psycopg.connect(world.stack.database_url(service)) as connection:
        connection.execute(b"LOCK TABLE " + table.encode() + b" IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@contextlib.contextmanager
def open_streams(world: World) -> Iterator[None]:
    """Has as many logins followed by a stream as the replica admits."""
    with contextlib.ExitStack() as held:
        for _ in range(MOST_STREAMS):
            answer = world.get("/cookie/login", world.token, stream=True)
            held.callback(answer.close)
            assert answer.status_code == 200
        yield


def test_each_alert_fires_when_its_fault_is_there(world: World) -> None:
    fires = world.prometheus.await_alerts
    wait_until(lambda: world.prometheus.firing() == set(), "no alert fires without a fault", 30)

    # The fault that needs the longest time goes on meanwhile: the loop that seals the audit log cannot.
    with locked(world, "activation", "audit_log"):
        locked_at = time.monotonic()
        rows(world.stack, "activation", JOB)
        rows(world.stack, "wechat_cookie", COOKIE)
        fires("JobsAreOld", "CookiesDie", "CookiesExpire")

        with open_streams(world):
            fires("StreamsExhausted")
            world.phone.add_fault(Fault(endpoint=ASK, kind="html"))
            fires("WeChatAnswersChanged")
        world.phone.clear_faults()
        world.phone.add_fault(Fault(endpoint=ASK, kind="answer", body=RATE_LIMITED))
        with repeated(lambda: world.get("/cookie/get", world.token), 1):
            fires("WeChatRateLimited")
        world.phone.clear_faults()
        world.phone.add_fault(Fault(endpoint="*", kind="drop"))
        with repeated(lambda: world.get("/cookie/get", world.token), 3):
            fires("WeChatUnreachable", "LoginsFail")
        world.phone.clear_faults()

        def sign_in() -> None:
            body = {"email": "a@example.com", "password": "a wrong password"}
            requests.post(world.stack.gateway_url + "/auth/login", json=body, timeout=60)

        with repeated(sign_in, 6):
            fires("HashQueueFull")

        address = ("127.0.0.1", int(world.stack.gateway_url.rpartition(":")[2]))
        with contextlib.ExitStack() as held:
            for _ in range(MOST_CONNECTIONS + 20):
                held.enter_context(socket.create_connection(address, timeout=10))
            fires("ConnectionsRefused")

        with (
            locked(world, "identity", "accounts"),
            repeated(lambda: world.get("/admin/users", world.admin), CALLERS),
        ):
            fires("DatabasePoolExhausted", "ThreadsExhausted", "CallsSlow", "CallsFail", "GatewayFails")
        fires("BackgroundLoopStalled", seconds=150 - (time.monotonic() - locked_at))

    identity = world.stack.process("identity")
    identity.send_signal_to_group(signal.SIGSTOP)
    try:
        fires("PartDown", "AccountFeedLags", "ReplicaUnhealthy")
    finally:
        identity.send_signal_to_group(signal.SIGCONT)

    assert world.prometheus.awaited == set(alerts())
    # They end with their faults; the cookie and the job are still there.
    lasting = {"JobsAreOld", "CookiesDie", "CookiesExpire"}
    wait_until(lambda: world.prometheus.firing() <= lasting, "the other alerts end", 60)
