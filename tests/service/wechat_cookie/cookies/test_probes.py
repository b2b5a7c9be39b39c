"""Probes: a session that ended unnoticed is found, and trouble on the way to WeChat changes no health."""

import contextlib
import datetime
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from deploy.wechat_emulator.running import running_emulator
from services.chassis.errors import DomainError
from services.chassis.identity.principals import Principal
from services.wechat_cookie.cookies import health, saving
from services.wechat_cookie.cookies.health import HealthReason
from services.wechat_cookie.cookies.probe_worker import ProbeWorker
from services.wechat_cookie.cookies.probing import RETRY, SPREAD
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.data_calls.calling import DataCalls
from services.wechat_cookie.data_calls.limits import BudgetLimits
from services.wechat_cookie.mp import errors
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.results import Profile
from services.wechat_cookie.mp.settings import MpSettings
from tests.service.wechat_cookie.mp.steps import confirmed_login
from tests.service.wechat_cookie.store import ANN, BOB, Store
from tests.support.waiting import wait_until

PERIOD = datetime.timedelta(hours=6)
# The port is closed.
NOWHERE = "http://127.0.0.1:9"
PROFILE = Profile("名", None, None, "")


@dataclass
class ScriptedPages:
    """Home pages: fails for the tokens in `failures`, and keeps which were opened."""

    failures: dict[str, errors.MpError] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    during: Callable[[str], None] = lambda _token: None

    def fetch_profile(self, _cookies: MpCookies, token: str) -> Profile:
        self.opened.append(token)
        self.during(token)
        if token in self.failures:
            raise self.failures[token]
        return PROFILE


class Active:
    """Identity, for whom every account is active."""

    def principals(self, _account_ids: object) -> dict[str, Principal]:
        return {str(ANN): Principal(str(ANN), "a@example.com", "user", "active")}

    def principal_with_email(self, _email: str) -> Principal | None:
        return None


def worker(store: Store, pages: ScriptedPages) -> ProbeWorker:
    return ProbeWorker(store.database, store.vault, pages, PERIOD, store.clock)


def stored(store: Store, token: str) -> tuple[str, str | None]:
    with store.database.reading() as connection:
        query = select(cookies.c.health, cookies.c.health_reason).where(cookies.c.token == token)
        found, reason = connection.execute(query).one()
    return found, reason


def test_each_cookie_is_probed_once_in_a_period_and_not_all_at_the_same_time(store: Store) -> None:
    owners = [uuid.UUID(int=number) for number in range(1, 41)]
    for number, owner in enumerate(owners):
        store.save(str(1001 + number), owner)
    pages = ScriptedPages()
    probes = worker(store, pages)
    store.clock.time += PERIOD * (1 - SPREAD) - datetime.timedelta(minutes=1)
    probes.run_due()
    assert pages.opened == []
    by_step = []
    for _ in range(10):
        store.clock.time += PERIOD * SPREAD / 10 + datetime.timedelta(seconds=12)
        before = len(pages.opened)
        probes.run_due()
        by_step.append(len(pages.opened) - before)
    assert len(set(pages.opened)) == len(pages.opened) == len(owners)
    assert sum(number > 0 for number in by_step) > 5


def test_what_was_heard_otherwise_makes_a_probe_needless(store: Store) -> None:
    saved = store.save("1001")
    pages = ScriptedPages()
    store.clock.move(hours=4)
    with store.database.transaction() as connection:
        health.heard_ok(connection, saved.id, store.clock(), store.clock())
    store.clock.move(hours=4)
    worker(store, pages).run_due()
    assert pages.opened == []
    store.clock.move(hours=2)
    worker(store, pages).run_due()
    assert pages.opened == ["1001"]


def test_a_logged_out_home_page_ends_the_cookie_and_hands_over(store: Store) -> None:
    store.save("1001")
    store.save("1002")
    pages = ScriptedPages({"1002": errors.SessionInvalidError(200003)})
    store.clock.move(hours=6)
    worker(store, pages).run_due()
    store.clock.move(minutes=2)
    worker(store, pages).run_due()
    assert sorted(pages.opened) == ["1001", "1002"]
    assert stored(store, "1002") == ("dead", HealthReason.HOME_PAGE_LOGGED_OUT)
    assert stored(store, "1001") == ("ok", None)
    assert store.current() == "1001"
    store.clock.move(hours=7)
    worker(store, pages).run_due()
    assert pages.opened.count("1002") == 1


@pytest.mark.parametrize(
    "error",
    [
        errors.UnreachableError("connect"),
        errors.AnswerTimeoutError(),
        errors.HttpStatusError(503),
        errors.HttpStatusError(302),
        errors.BadAnswerError("html"),
        errors.HomePageUnknownError(),
        errors.AnswerTooLargeError(),
    ],
)
def test_a_probe_that_failed_changes_nothing_and_is_made_again_later(
    store: Store, error: errors.MpError
) -> None:
    store.save("1001")
    pages = ScriptedPages({"1001": error})
    store.clock.move(hours=6)
    for _ in range(3):
        worker(store, pages).run_due()
    assert (pages.opened, stored(store, "1001")) == (["1001"], ("ok", None))
    store.clock.time += RETRY
    worker(store, pages).run_due()
    assert pages.opened == ["1001", "1001"]


def test_a_cookie_that_cools_down_is_not_probed(store: Store) -> None:
    saved = store.save("1001")
    pages = ScriptedPages()
    store.clock.move(hours=5, minutes=30)
    with store.database.transaction() as connection:
        for _ in range(4):
            store.clock.move(seconds=1)
            health.limited(connection, saved.id, store.clock(), HealthReason.RET_200013, store.clock())
    store.clock.move(hours=7, minutes=50)
    worker(store, pages).run_due()
    assert pages.opened == []
    store.clock.move(minutes=20)
    worker(store, pages).run_due()
    assert pages.opened == ["1001"]
    with store.database.transaction() as connection:
        # The probe has not ended the growth of the pauses.
        health.limited(connection, saved.id, store.clock(), HealthReason.RET_200013, store.clock())
        until = connection.execute(select(cookies.c.cooling_until)).scalar_one()
    assert until - store.clock() == datetime.timedelta(hours=16)


def test_never_two_probes_of_an_account_at_a_time(store: Store) -> None:
    for token in ("1001", "1002", "1003", "1004"):
        store.save(token, ANN)
    for token in ("2001", "2002"):
        store.save(token, BOB)
    store.clock.move(hours=6, minutes=1)
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock, release = threading.Lock(), threading.Event()

    def during(token: str) -> None:
        with lock:
            running[token[0]] += 1
            most[token[0]] = max(most[token[0]], running[token[0]])
        release.wait(20)
        with lock:
            running[token[0]] -= 1

    pages = ScriptedPages(during=during)
    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(worker(store, pages).run_due) for _ in range(4)]
        wait_until(lambda: len(pages.opened) >= 2, "a probe of each account is under way")
        wait_until(lambda: sum(one.done() for one in working) >= 2, "the other replicas find nothing to do")
        release.set()
        for one in working:
            one.result()
    assert most == {"1": 1, "2": 1}
    for _ in range(4):
        store.clock.move(minutes=1, seconds=1)
        worker(store, pages).run_due()
    assert sorted(pages.opened) == ["1001", "1002", "1003", "1004", "2001", "2002"]


def test_wechat_out_of_reach_for_an_hour_changes_no_cookie(store: Store) -> None:
    for number in range(12):
        store.save(str(1001 + number), ANN)
    store.clock.move(hours=6)
    with MpClient(MpSettings(base_url=NOWHERE), time.time, random.Random(1)) as client:
        probes = ProbeWorker(store.database, store.vault, client, PERIOD, store.clock)
        calls = DataCalls(
            store.database,
            store.vault,
            Active(),
            client,
            BudgetLimits(),
            store.clock,
            random.Random(1),
        )
        reasons: Counter[str] = Counter()
        for _ in range(60):
            store.clock.move(minutes=1)
            probes.run_due()
            try:
                calls.search_accounts(ANN, "读书", 0, 5)
            except DomainError as error:
                reasons[error.reason] += 1
    assert reasons == {"WECHAT_UNREACHABLE": 60}
    assert {stored(store, str(1001 + number)) for number in range(12)} == {("ok", None)}
    assert store.current() == "1012"


def test_a_session_that_wechat_killed_is_seen_within_a_period(store: Store) -> None:
    with contextlib.ExitStack() as stack:
        emulator = stack.enter_context(running_emulator(tls=True, seed=1))
        ca_file = Path(emulator.ca_file) if emulator.ca_file else None
        settings = MpSettings(base_url=emulator.base_url, ca_file=ca_file)
        client = stack.enter_context(MpClient(settings, time.time, random.Random(1)))
        login = client.finish_login(confirmed_login(client, emulator)[0])
        new = saving.NewCookie(
            uuid.uuid4(), login.token, ANN, "ann@example.com", None, login.cookies, store.clock()
        )
        with store.database.transaction() as connection:
            saving.save(connection, store.vault, new)
        probes = ProbeWorker(store.database, store.vault, client, PERIOD, store.clock)
        killed_at, seen_at = 20.0, None
        for tenth in range(270):
            hour = tenth / 10
            if hour == killed_at:
                emulator.control.kill_session(login.token)
            probes.run_due()
            if stored(store, login.token)[0] == "dead":
                seen_at = hour
                break
            store.clock.move(minutes=6)
        pages = emulator.control.counters().requests["/cgi-bin/home"]
    assert seen_at is not None
    assert killed_at <= seen_at <= killed_at + 6
    # One page every five or six hours.
    assert 4 <= pages <= 6
