"""Logins that end because the caller cancels, leaves, begins too many, or is deleted; and what then remains."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc
import sqlalchemy as sa

from deploy.wechat_emulator.control import EmulatorControl
from services.chassis.errors import DomainError
from services.chassis.identity.principals import TokenRevokedError
from services.wechat_cookie.cookies.cascade import delete_owner
from services.wechat_cookie.logins.store.tables import login_events, logins
from tests.service.wechat_cookie.logins.callers import Caller, eventually, refusal
from tests.service.wechat_cookie.logins.conftest import RunningClock
from tests.service.wechat_cookie.logins.replicas import QUICK, Cluster, Replica


def rows_in(replica: Replica, table: sa.Table) -> int:
    with replica.database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def is_left_alone(phone: EmulatorControl, login: str) -> Callable[[], bool]:
    """Whether no poll of the login has come since the last look, half a dozen intervals ago or more."""
    last = -1
    quiet = threading.Event()

    def look() -> bool:
        nonlocal last
        before, last = last, phone.login(login).asks
        return before == last if not quiet.wait(0.4) else False

    return look


def test_a_cancelled_login_ends_in_band_and_is_polled_no_more(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    qr = story.until_qr()
    assert ann.cancel(story.key).status == "ok"
    failure = story.to_end().failure
    assert (failure.reason, failure.retryable) == ("CANCELLED", True)
    polled = ann.poll(story.key)
    assert (polled.status, polled.stage, polled.reason) == ("failed", "failed", "CANCELLED")
    assert not polled.HasField("qrcode_base64")
    eventually(is_left_alone(phone, qr.url), "it is polled no more")


def test_cancelling_again_changes_nothing(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    story.to_end()
    assert ann.cancel(story.key).status == "ok"
    assert ann.cancel(story.key).status == "ok"
    assert ann.poll(story.key).status == "success"
    assert len(rewatch(ann, story.key)) == len(story.events)


def rewatch(caller: Caller, key: str) -> list[object]:
    story = caller.watch(key)
    story.to_end()
    return list(story.events)


def test_a_cancellation_before_the_qr_code_ends_the_wait_for_it(ann: Caller, phone: EmulatorControl) -> None:
    story = ann.start()
    next(story.read())
    ann.cancel(story.key)
    assert story.to_end().failure.reason == "CANCELLED"


def test_running_logins_are_limited_exactly_under_parallel_starts(cluster: Cluster) -> None:
    replicas = [cluster.replica(limits=replace(QUICK, most_per_account=5)) for _ in range(2)]
    account = cluster.accounts.known[cluster.accounts.add()[1]]
    barrier = threading.Barrier(24)

    def start(number: int) -> str:
        barrier.wait()
        try:
            return replicas[number % 2].engine.account_logins.start(account)
        except DomainError as error:
            return error.reason

    with ThreadPoolExecutor(24) as pool:
        outcomes = list(pool.map(start, range(24)))
    assert outcomes.count("TOO_MANY_LOGINS") == 19
    assert rows_in(replicas[0], logins) == 5


def test_starts_of_an_hour_are_limited_exactly_over_replicas_and_come_back(
    cluster: Cluster, running_clock: RunningClock
) -> None:
    limits = replace(QUICK, most_per_account=100, starts_per_account=7)
    replicas = [cluster.replica(limits=limits) for _ in range(2)]
    account = cluster.accounts.known[cluster.accounts.add()[1]]

    def start(number: int) -> str:
        try:
            return replicas[number % 2].engine.account_logins.start(account)
        except DomainError as error:
            return error.reason

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(start, range(20)))
    assert outcomes.count("LOGIN_STARTS_THROTTLED") == 13
    others = replicas[0].account()
    assert others.begin().status == "pending"
    running_clock.move(minutes=61)
    assert start(0) != "LOGIN_STARTS_THROTTLED"


def test_all_starts_through_one_egress_have_a_budget_and_refusals_cost_none(cluster: Cluster) -> None:
    limits = replace(QUICK, starts_per_account=2, starts_per_egress=4)
    replica = cluster.replica(limits=limits)
    ann, bob, eve = replica.account(), replica.account(), replica.account()
    throttled = (grpc.StatusCode.RESOURCE_EXHAUSTED, "LOGIN_STARTS_THROTTLED")
    for _ in range(2):
        ann.begin()
    for _ in range(5):
        assert refusal(ann.begin) == throttled
        assert refusal(lambda: ann.start().to_end()) == throttled
    for _ in range(2):
        bob.begin()
    assert refusal(eve.begin) == throttled


def test_too_many_logins_are_refused_with_a_time_to_come_back(cluster: Cluster) -> None:
    ann = cluster.replica(limits=replace(QUICK, most_per_account=1)).account()
    story = ann.start()
    story.until_qr()
    assert refusal(ann.begin) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_LOGINS")
    assert refusal(lambda: ann.start().to_end()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_LOGINS")
    ann.cancel(story.key)
    assert ann.begin().status == "pending"


def test_a_login_that_nobody_looks_at_ends(cluster: Cluster, phone: EmulatorControl) -> None:
    replica = cluster.replica(limits=replace(QUICK, abandoned_seconds=1.0))
    ann = replica.account()
    key = ann.begin().login_key
    story = ann.start()
    story.until_qr()
    story.call.cancel()
    eventually(lambda: ended_reasons(replica) == ["LOGIN_TIMEOUT"] * 2, "both end")
    [first, second] = phone.logins()
    eventually(is_left_alone(phone, first.uuid), "it is polled no more")
    eventually(is_left_alone(phone, second.uuid), "it is polled no more")
    assert ann.poll(key).reason == "LOGIN_TIMEOUT"


def ended_reasons(replica: Replica) -> list[str]:
    with replica.database.reading() as connection:
        return [reason for reason in connection.execute(sa.select(logins.c.reason)).scalars() if reason]


def test_a_login_that_is_watched_or_polled_is_not_abandoned(
    cluster: Cluster, running_clock: RunningClock
) -> None:
    replica = cluster.replica(limits=replace(QUICK, abandoned_seconds=1.0))
    watching, polling = replica.account(), replica.account()
    story = watching.start()
    key = polling.begin().login_key
    beats = story.read()
    heard = 0
    while heard < 5:
        heard += next(beats).WhichOneof("event") == "heartbeat"
        assert polling.poll(key).status == "pending"
    assert watching.poll(story.key).status == "pending"


def test_a_scanned_login_is_not_abandoned(cluster: Cluster, phone: EmulatorControl) -> None:
    replica = cluster.replica(limits=replace(QUICK, abandoned_seconds=0.5))
    ann = replica.account()
    story = ann.start()
    qr = story.until_qr()
    phone.scan(qr.url)
    story.until_stage("scanned")
    story.call.cancel()
    before = phone.login(qr.url).asks
    eventually(lambda: phone.login(qr.url).asks > before + 25, "it is polled on")
    phone.confirm(qr.url)
    eventually(lambda: ann.poll(story.key).status == "success", "it becomes a cookie")


def test_ended_logins_leave_no_row_behind(ann: Caller, replica: Replica, running_clock: RunningClock) -> None:
    for _ in range(3):
        ann.cancel(ann.begin().login_key)
    running_clock.move(minutes=11)
    eventually(lambda: rows_in(replica, logins) == 0, "the logins are removed")
    assert rows_in(replica, login_events) == 0


def test_the_deletion_of_an_account_ends_its_logins_and_lets_none_begin(
    replica: Replica, ann: Caller, running_clock: RunningClock
) -> None:
    owner = uuid.UUID(replica.accounts.known[ann.token].account_id)
    bob = replica.account()
    story, others = ann.start(), bob.start()
    story.until_qr()
    others.until_qr()
    with replica.database.transaction() as connection:
        delete_owner(connection, owner, running_clock())
        replica.engine.retention.end_logins_of(connection, owner)
    assert story.to_end().failure.reason == "ACCESS_ENDED"
    assert refusal(ann.begin) == (grpc.StatusCode.UNAUTHENTICATED, TokenRevokedError.reason)
    assert bob.poll(others.key).status == "pending"


def test_a_session_that_comes_after_the_deletion_is_saved_for_nobody(
    replica: Replica, ann: Caller, phone: EmulatorControl, running_clock: RunningClock
) -> None:
    owner = uuid.UUID(replica.accounts.known[ann.token].account_id)
    story = ann.start()
    qr = story.until_qr()
    with replica.database.transaction() as connection:
        # The cookies' half of the deletion alone, as if it came just before this login was ended.
        delete_owner(connection, owner, running_clock())
    phone.scan_and_confirm(qr.url)
    assert story.to_end().failure.reason == "ACCESS_ENDED"


def test_an_ended_login_holds_no_secret(ann: Caller, replica: Replica, phone: EmulatorControl) -> None:
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    story.to_end()
    with replica.database.reading() as connection:
        row = connection.execute(sa.select(logins)).one()
    assert (row.cookies, row.token, row.home_path, row.qr_image) == (None, None, None, None)
