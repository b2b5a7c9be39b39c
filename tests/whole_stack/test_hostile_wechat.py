"""WeChat answers with garbage, floods, silence and broken wire at every step of a login, through the running stack.

Each login ends or goes on, in bounded time and memory; none is stuck.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import get_args

import psutil
import pytest

from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.fault_spec import Fault, FaultKind
from tests.proofs.crashes.belongings import qr_text, rows
from tests.support.gateway_calls import GatewayCaller
from tests.support.generous_limits import generous_environment
from tests.support.ready_accounts import ReadyAccounts
from tests.support.waiting import wait_until

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
BEFORE_THE_QR = (
    "/",
    "/cgi-bin/bizlogin?action=startlogin",
    "/cgi-bin/scanloginqrcode?action=getqrcode",
)
ASK = "/cgi-bin/scanloginqrcode?action=ask"
APPROVAL = "/cgi-bin/loginauth?action=ask"
AFTER_THE_QR = (ASK, APPROVAL, "/cgi-bin/bizlogin?action=login", "/cgi-bin/home")
AVATAR = "/mmhead*"
LOGIN_SECONDS = 30
POLL_SECONDS = 0.5
# A login that has been confirmed may go on a little longer: four attempts with their leases.
END_SECONDS = 150.0
# 50 MiB come in each flood, from several logins at once: what is kept of them is far less than one.
MOST_GROWTH_MIB = 160
COUNT_RUNNING = "SELECT count(*) FROM logins WHERE ended_at IS NULL"
ENDINGS = "SELECT stage || coalesce(' ' || reason, '') FROM logins"


pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def secret() -> str:
    return secrets.token_urlsafe(48)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, secret: str) -> Iterator[LocalStack]:
    settings = LocalSettings.side_by_side(tmp_path_factory.mktemp("hostile"), jwt_secret=secret)
    environment = generous_environment(
        LOGIN_SECONDS=str(LOGIN_SECONDS), POLL_SECONDS=str(POLL_SECONDS), MAX_LOGINS_PER_ACCOUNT="1000"
    )
    with LocalStack(settings, wechat_emulator=(), environment=environment) as running:
        yield running


@pytest.fixture
def phone(hostile: LocalStack) -> Iterator[EmulatorControl]:
    emulator = hostile.wechat_emulator
    assert emulator is not None
    with EmulatorControl(emulator.base_url, emulator.control_token, str(emulator.ca_file)) as control:
        control.reset()
        yield control


@pytest.fixture(scope="module")
def token(hostile: LocalStack, secret: str) -> str:
    """An active account."""
    [account] = ReadyAccounts(hostile.database_url("identity"), secret, secrets.token_urlsafe(16)).make(1)
    rows(hostile, "identity", "UPDATE accounts SET activation_status = 'active' WHERE id = %s", account.id)
    return account.token


@dataclass
class Memory:
    """What the process has held, in MiB."""

    before: float
    peak: float = 0.0
    samples: list[float] = field(default_factory=list)

    @property
    def growth(self) -> float:
        return max(self.samples) - self.before


@contextmanager
def memory_of(pid: int) -> Iterator[Memory]:
    process, stop = psutil.Process(pid), threading.Event()
    memory = Memory(process.memory_info().rss / 2**20)

    def sample() -> None:
        while not stop.wait(0.05):
            memory.samples.append(process.memory_info().rss / 2**20)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield memory
    finally:
        stop.set()
        sampler.join()


def fault(endpoint: str, kind: FaultKind, times: int | None, login: str | None = None) -> Fault:
    """Slow ones are slower than the client waits."""
    return Fault(
        endpoint, kind, times=times, login=login, seconds={"delay": 20.0, "drip": 0.5}.get(kind, 0.0)
    )


def begin(stack: LocalStack, token: str, count: int) -> list[str]:
    """Begins logins at once; gives what the QR codes of those say that have one."""

    def one(_: int) -> str | None:
        with GatewayCaller(stack.gateway_url, token) as caller:
            answer = caller.get("/cookie/get")
            assert answer.ok, answer
            key = str(answer.body["login_key"])
            while answer.body.get("status", "pending") == "pending":
                if picture := answer.body.get("qrcode_base64"):
                    return qr_text(picture)
                time.sleep(POLL_SECONDS)
                answer = caller.get("/cookie/poll", login_key=key)
        return None

    with ThreadPoolExecutor(16) as pool:
        return [text for text in pool.map(one, range(count)) if text is not None]


def wait_until_all_have_ended(stack: LocalStack) -> Counter[str]:
    wait_until(
        lambda: rows(stack, "wechat_cookie", COUNT_RUNNING) == [(0,)], "every login has ended", END_SECONDS
    )
    return Counter(str(ending) for (ending,) in rows(stack, "wechat_cookie", ENDINGS))


def log_in_well(stack: LocalStack, token: str, phone: EmulatorControl) -> None:
    """After everything the service is as good as new."""
    phone.clear_faults()
    [text] = begin(stack, token, 1)
    phone.scan_and_confirm(text)
    before = Counter(str(ending) for (ending,) in rows(stack, "wechat_cookie", ENDINGS))["succeeded"]
    wait_until_all_have_ended(stack)
    after = Counter(str(ending) for (ending,) in rows(stack, "wechat_cookie", ENDINGS))["succeeded"]
    assert after == before + 1


@pytest.mark.parametrize("times", [1, None], ids=["once", "ever after"])
def test_no_fault_after_the_qr_code_leaves_a_login_stuck(
    hostile: LocalStack, token: str, phone: EmulatorControl, times: int | None
) -> None:
    rows(hostile, "wechat_cookie", "DELETE FROM logins")
    cases = [(endpoint, kind) for endpoint in AFTER_THE_QR for kind in KINDS]
    with memory_of(hostile.process("wechat_cookie").pid) as memory:
        shown = begin(hostile, token, len(cases))
        assert len(shown) == len(cases)
        for text, (endpoint, kind) in zip(shown, cases, strict=True):
            login = phone.login(text).uuid
            if endpoint == APPROVAL:
                phone.require_approval(text)
            phone.add_fault(fault(endpoint, kind, times, login))
        for text in shown:
            phone.scan_and_confirm(text)
        # For an immediate approval, no poll follows.
        wait_until(
            lambda: phone.counters().requests.get(APPROVAL, 0) >= len(KINDS), "approvals are asked for", 60
        )
        for text, (endpoint, _) in zip(shown, cases, strict=True):
            if endpoint == APPROVAL:
                phone.approve(text)
        endings = wait_until_all_have_ended(hostile)
    done = phone.counters().faults
    print(f"{len(cases)} logins, faults {dict(done)}: {dict(endings)}; grew by {memory.growth:.0f} MiB")
    assert set(done) == set(KINDS)
    assert min(done.values()) >= len(AFTER_THE_QR)
    assert endings.total() == len(cases)
    # A fault that passes costs a login only at the step whose answer WeChat gives once.
    at_the_one_time_step = len(KINDS)
    if times == 1:
        assert endings["succeeded"] >= len(cases) - at_the_one_time_step
    assert memory.growth < MOST_GROWTH_MIB
    log_in_well(hostile, token, phone)


@pytest.mark.parametrize("endpoint", [*BEFORE_THE_QR, AVATAR])
def test_no_fault_at_a_step_that_has_no_login_yet_leaves_a_login_stuck(
    hostile: LocalStack, token: str, phone: EmulatorControl, endpoint: str
) -> None:
    rows(hostile, "wechat_cookie", "DELETE FROM logins")
    # Each request meets the next kind, over and over.
    for kind in KINDS:
        phone.add_fault(fault(endpoint, kind, 2))
    with memory_of(hostile.process("wechat_cookie").pid) as memory:
        shown = begin(hostile, token, 2 * len(KINDS))
        for text in shown:
            phone.scan_and_confirm(text)
        endings = wait_until_all_have_ended(hostile)
    done = phone.counters().faults
    print(f"{endpoint}: {len(shown)} QR codes, {sum(done.values())} faults: {dict(endings)}")
    print(f"grew by {memory.growth:.0f} MiB")
    assert set(done) == set(KINDS)
    assert endings.total() == 2 * len(KINDS)
    assert memory.growth < MOST_GROWTH_MIB
    log_in_well(hostile, token, phone)
