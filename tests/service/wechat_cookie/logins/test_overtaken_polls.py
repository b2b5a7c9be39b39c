"""A replica that was overtaken between claiming a poll and reading the login leaves the login alone."""

import random
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from deploy.wechat_emulator.control import EmulatorControl
from services.chassis.postgres.database import Database
from services.wechat_cookie.logins.rules.outcomes import Outcome
from services.wechat_cookie.logins.rules.state import LoginState, Step
from services.wechat_cookie.logins.store.rows import LoginRows
from services.wechat_cookie.logins.work.exchanges import Exchanges
from services.wechat_cookie.logins.work.metrics import LoginMeasures
from services.wechat_cookie.logins.work.poller import LoginPoller
from services.wechat_cookie.logins.work.qr_reading import read_qr
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.results import Ask
from services.wechat_cookie.mp.settings import MpSettings
from tests.service.wechat_cookie.logins.callers import eventually
from tests.service.wechat_cookie.logins.replicas import QUICK, Cluster
from tests.service.wechat_cookie.logins.test_two_replicas import FINISH, PATIENT, Frozen, frozen_replicas


class HeldRows(LoginRows):
    """Reads its first login only when the test says so."""

    is_held: threading.Event
    goes_on: threading.Event

    def read(self, connection: Connection, ids: Sequence[str]) -> list[LoginState]:
        self.is_held.set()
        self.goes_on.wait(30)
        return super().read(connection, ids)


class SlowToAsk(Frozen):
    """Asks WeChat nothing until the test says so, and leaves the polls to others meanwhile."""

    def __init__(self, settings: MpSettings, at: str, after_answer: bool) -> None:
        super().__init__(settings, at, after_answer)
        self.may_ask = threading.Event()

    def ask(self, cookies: MpCookies) -> Ask:
        self.may_ask.wait(30)
        return super().ask(cookies)


class RecordedExchanges(Exchanges):
    """Remembers what it was asked to do."""

    made: list[tuple[str, Step | None]]

    def make(self, state: LoginState) -> Outcome:
        self.made.append((state.id, state.step))
        return super().make(state)


def test_a_replica_that_claimed_a_poll_does_not_take_the_step_that_another_one_is_taking(
    cluster: Cluster, phone: EmulatorControl
) -> None:
    rows = HeldRows(cluster.vault, uuid.uuid4)
    rows.is_held, rows.goes_on = threading.Event(), threading.Event()
    settings = MpSettings(base_url=cluster.emulator.base_url, ca_file=Path(str(cluster.emulator.ca_file)))
    database = Database(cluster.url, pool_size=16)
    cluster.stack.callback(database.dispose)
    client = cluster.stack.enter_context(MpClient(settings, time.time, random.Random(1)))
    exchanges = RecordedExchanges(client, read_qr)
    exchanges.made = []
    measures = LoginMeasures(CollectorRegistry())
    overtaken = LoginPoller(
        database, rows, exchanges, QUICK, cluster.clock, measures, cluster.accounts.principals, poll_threads=4
    )
    with frozen_replicas(cluster) as frozen:
        faster = frozen.replica("finish_login", after_answer=False, kind=SlowToAsk, limits=PATIENT)
        (its_client,) = frozen.clients
        assert isinstance(its_client, SlowToAsk)
        ann = faster.account()
        story = ann.start()
        address = story.until_qr().url
        overtaken.start()
        cluster.stack.callback(overtaken.stop)
        assert rows.is_held.wait(30)
        its_client.may_ask.set()
        phone.scan_and_confirm(address)
        assert its_client.is_frozen.wait(30)
        other = ann.start()
        other.until_qr()

        # What it is doing goes on, but it claims nothing more.
        faster.engine.stop(0.2)
        rows.goes_on.set()
        # Once it polls another login it has long decided what to do about the first one.
        eventually(lambda: (other.key, Step.ASK) in exchanges.made, "it polls the other login")
        its_client.thaw()
    assert cluster.replica().caller(ann.token).poll(story.key).status == "success"
    assert (story.key, Step.FINISH) not in exchanges.made
    assert phone.counters().requests[FINISH] == 1
