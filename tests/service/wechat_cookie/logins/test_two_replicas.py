"""Two replicas on one database: they share the logins, and one goes on where the other died."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import pytest

from deploy.wechat_emulator.control import EmulatorControl
from services.wechat_cookie.logins.rules.state import LoginLimits
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.errors import DroppedError
from services.wechat_cookie.mp.images import Image
from services.wechat_cookie.mp.results import Ask, FinishedLogin, Profile
from services.wechat_cookie.mp.settings import MpSettings
from tests.service.wechat_cookie.logins.callers import Story, eventually
from tests.service.wechat_cookie.logins.replicas import QUICK, Cluster, Replica

FINISH = "/cgi-bin/bizlogin?action=login"
# On a busy machine sixty exchanges at once may take longer than the other tests' short lease.
PATIENT = replace(QUICK, lease_seconds=25.0)
GET_QR = "/cgi-bin/scanloginqrcode?action=getqrcode"


@pytest.mark.long
def test_sixty_logins_over_two_replicas_each_end_once(cluster: Cluster, phone: EmulatorControl) -> None:
    replicas = [cluster.replica(PATIENT) for _ in range(2)]
    stories = [replicas[number % 2].account().start() for number in range(60)]
    with ThreadPoolExecutor(60) as pool:
        addresses = list(pool.map(lambda story: story.until_qr().url, stories))
        for address in addresses:
            phone.scan_and_confirm(address)
        ends = list(pool.map(Story.to_end, stories))
    tokens = {end.success.cookie.token for end in ends}
    assert len(tokens) == 60
    assert all(story.sequences == list(range(1, len(story.events) + 1)) for story in stories)
    requests = phone.counters().requests
    assert requests[FINISH] == 60
    # On a busy machine a claim may run out before WeChat's picture is there, and the step is done again.
    assert requests[GET_QR] >= 60


class Frozen(MpClient):
    """A replica that stops dead at one point of an exchange, as a killed one does, until the test lets it go.

    `at` names the call, `after_answer` whether WeChat has answered by then.
    """

    def __init__(self, settings: MpSettings, at: str, after_answer: bool) -> None:
        super().__init__(settings, time.time, Random(1))
        self._at = at
        self._after_answer = after_answer
        self._held: list[threading.Thread] = []
        self.is_frozen = threading.Event()
        self.thaws = threading.Event()

    def thaw(self) -> None:
        """Lets it go on, and waits until it has done what it still does. Its engine has been stopped before."""
        self.thaws.set()
        for thread in self._held:
            thread.join(10)

    def _freeze(self, call: str, after_answer: bool) -> None:
        if (call, after_answer) == (self._at, self._after_answer):
            self._held.append(threading.current_thread())
            self.is_frozen.set()
            self.thaws.wait(30)

    def start_login(self, cookies: MpCookies) -> MpCookies:
        self._freeze("start_login", False)
        started = super().start_login(cookies)
        self._freeze("start_login", True)
        return started

    def fetch_qr_code(self, cookies: MpCookies) -> tuple[Image, MpCookies]:
        self._freeze("fetch_qr_code", False)
        fetched = super().fetch_qr_code(cookies)
        self._freeze("fetch_qr_code", True)
        return fetched

    def ask(self, cookies: MpCookies) -> Ask:
        self._freeze("ask", False)
        asked = super().ask(cookies)
        self._freeze("ask", True)
        return asked

    def finish_login(self, cookies: MpCookies) -> FinishedLogin:
        self._freeze("finish_login", False)
        finished = super().finish_login(cookies)
        self._freeze("finish_login", True)
        return finished

    def fetch_profile(self, cookies: MpCookies, token: str, path: str | None = None) -> Profile:
        self._freeze("fetch_profile", False)
        profile = super().fetch_profile(cookies, token, path)
        self._freeze("fetch_profile", True)
        return profile


class FrozenThenDropped(Frozen):
    """One whose connection to WeChat is gone when it wakes up: what it then writes has no event."""

    def ask(self, cookies: MpCookies) -> Ask:
        asked = super().ask(cookies)
        if self.is_frozen.is_set():
            raise DroppedError
        return asked


class FrozenReplicas:
    """Makes replicas that freeze, and thaws them at the end."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.clients: list[Frozen] = []

    def replica(
        self, at: str, after_answer: bool, kind: type[Frozen] = Frozen, limits: LoginLimits = QUICK
    ) -> Replica:
        def make(settings: MpSettings) -> MpClient:
            self.clients.append(kind(settings, at, after_answer))
            return self.clients[-1]

        return self._cluster.replica(limits, make_client=make)


@contextmanager
def frozen_replicas(cluster: Cluster) -> Iterator[FrozenReplicas]:
    replicas = FrozenReplicas(cluster)
    try:
        yield replicas
    finally:
        for client in replicas.clients:
            client.thaws.set()


def until_frozen(story: Story, client: Frozen, phone: EmulatorControl) -> None:
    """Reads the story, and acts on the phone, up to the point at which the replica freezes."""
    acted = False
    while not client.is_frozen.wait(0.05):
        if not acted and phone.pending_logins():
            phone.scan_and_confirm(phone.pending_logins()[0].uuid)
            acted = True
    # What was written before the freeze is there to be read, up to the first heartbeat.
    for event in story.read():
        if event.HasField("heartbeat"):
            return


@pytest.mark.parametrize(
    ("at", "after_answer"),
    [
        ("start_login", False),
        ("start_login", True),
        ("fetch_qr_code", False),
        ("fetch_qr_code", True),
        ("ask", False),
        ("ask", True),
        ("finish_login", False),
        ("fetch_profile", False),
        ("fetch_profile", True),
    ],
)
def test_another_replica_goes_on_where_one_died(
    cluster: Cluster, phone: EmulatorControl, at: str, after_answer: bool
) -> None:
    with frozen_replicas(cluster) as frozen:
        dying = frozen.replica(at, after_answer)
        ann = dying.account()
        before = ann.start()
        until_frozen(before, frozen.clients[0], phone)
        dying.engine.stop(0.2)
        after = cluster.replica().caller(ann.token).watch(before.key, before.sequences[-1])
        if at in {"start_login", "fetch_qr_code"}:
            phone.scan_and_confirm(after.until_qr().url)
        elif phone.pending_logins():
            phone.scan_and_confirm(phone.pending_logins()[0].uuid)
        cookie = after.to_end().success.cookie
        frozen.clients[0].thaw()
    assert cookie.name
    whole = cluster.replica().caller(ann.token).watch(before.key)
    whole.to_end()
    assert whole.events == before.events + after.events
    assert whole.sequences == list(range(1, len(whole.events) + 1))
    assert len(phone.sessions()) == 1


def test_a_replica_that_wakes_up_late_does_not_bring_a_login_back(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    with frozen_replicas(cluster) as frozen:
        dying = frozen.replica("ask", after_answer=True, kind=FrozenThenDropped)
        ann = dying.account()
        before = ann.start()
        until_frozen(before, frozen.clients[0], phone)
        dying.engine.stop(0.2)
        elsewhere = cluster.replica().caller(ann.token)
        if phone.pending_logins():
            phone.scan_and_confirm(phone.pending_logins()[0].uuid)
        elsewhere.watch(before.key).to_end()
        frozen.clients[0].thaw()
    assert elsewhere.poll(before.key).status == "success"


def test_a_death_between_the_one_answer_and_its_commit_is_told_as_such(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    with frozen_replicas(cluster) as frozen:
        dying = frozen.replica("finish_login", after_answer=True)
        ann = dying.account()
        before = ann.start()
        until_frozen(before, frozen.clients[0], phone)
        dying.engine.stop(0.2)
        after = cluster.replica().caller(ann.token).watch(before.key, before.sequences[-1])
        failure = after.to_end().failure
    assert (failure.reason, failure.retryable) == ("LOGIN_INTERRUPTED", True)
    assert phone.counters().requests[FINISH] == 2


def test_a_session_counts_although_another_replica_has_taken_the_login_over(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    with frozen_replicas(cluster) as frozen:
        slow = frozen.replica("finish_login", after_answer=True)
        ann = slow.account()
        before = ann.start()
        until_frozen(before, frozen.clients[0], phone)
        slow.engine.stop(0.2)
        second = frozen.replica("finish_login", after_answer=False)
        after = second.caller(ann.token).watch(before.key, before.sequences[-1])
        eventually(frozen.clients[1].is_frozen.is_set, "the second replica takes the login over")
        frozen.clients[0].thaws.set()
        assert after.to_end().success.cookie.token == phone.sessions()[0].token
        frozen.clients[1].thaws.set()
        eventually(lambda: phone.counters().requests[FINISH] == 2, "the second replica asks too late")
        second.engine.stop()
    whole = cluster.replica().caller(ann.token).watch(before.key)
    whole.to_end()
    assert whole.events == before.events + after.events
