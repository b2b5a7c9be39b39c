"""Access that ends while a login runs or a stream is open: both end within a second, and nothing is saved."""

import datetime
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from deploy.wechat_emulator.control import EmulatorControl
from services.chassis.identity.principals import Principal
from services.wechat_cookie.cookies.tables import cookies
from services.wechat_cookie.logins.store.tables import logins
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.results import FinishedLogin
from services.wechat_cookie.mp.settings import MpSettings
from tests.service.wechat_cookie.logins.callers import Caller, Story, eventually
from tests.service.wechat_cookie.logins.conftest import RunningClock
from tests.service.wechat_cookie.logins.replicas import Cluster, Replica, real_client

Change = Callable[[Principal], Principal | None]


def logged_out(account: Principal) -> Principal:
    return replace(account, tokens_valid_after=(account.tokens_valid_after or 0) + 1)


CHANGES: dict[str, Change] = {
    "logout": logged_out,
    "revocation": lambda account: replace(account, activation_status="revoked"),
    "expiry set by an admin": lambda account: replace(account, activation_status="expired"),
    "deletion": lambda _account: None,
}


def change(cluster: Cluster, caller: Caller, how: Change) -> str:
    """Changes the caller's account as Identity knows it, and returns its id."""
    before = cluster.accounts.known[caller.token]
    after = how(before)
    if after is None:
        del cluster.accounts.known[caller.token]
    else:
        cluster.accounts.known[caller.token] = after
    return before.account_id


def ends_with_access_ended(story: Story) -> None:
    failure = story.to_end().failure
    assert (failure.reason, failure.retryable) == ("ACCESS_ENDED", False)


def saved(replica: Replica) -> int:
    with replica.database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(cookies)).scalar_one())


def reasons(replica: Replica) -> list[str | None]:
    with replica.database.reading() as connection:
        return list(connection.execute(sa.select(logins.c.reason)).scalars())


@pytest.mark.parametrize("how", CHANGES.values(), ids=CHANGES)
def test_login_and_stream_end_within_a_second_of_the_change(
    cluster: Cluster, replica: Replica, ann: Caller, phone: EmulatorControl, how: Change
) -> None:
    bob = replica.account()
    story, others = ann.start(), bob.start()
    qr, others_qr = story.until_qr(), others.until_qr()
    account_id = change(cluster, ann, how)
    changed = time.monotonic()
    replica.engine.access.account_changed(account_id)
    ends_with_access_ended(story)
    assert time.monotonic() - changed < 1
    assert sorted(reasons(replica), key=str) == ["ACCESS_ENDED", None]
    phone.scan_and_confirm(qr.url)
    phone.scan(others_qr.url)
    others.until_stage("scanned")
    assert saved(replica) == 0


def test_a_login_ends_at_a_replica_that_does_not_hold_its_stream(
    cluster: Cluster, replica: Replica, ann: Caller
) -> None:
    story = ann.start()
    story.until_qr()
    other = cluster.replica()
    # Only the other replica hears of it; the stream is woken by what is written.
    other.engine.access.account_changed(change(cluster, ann, logged_out))
    ends_with_access_ended(story)


def test_a_change_that_was_missed_is_made_up_for_after_a_restart(
    cluster: Cluster, replica: Replica, ann: Caller
) -> None:
    ann.start().until_qr()
    replica.engine.stop()
    change(cluster, ann, logged_out)
    later = cluster.replica()
    eventually(lambda: reasons(later) == ["ACCESS_ENDED"], "the login has ended")


def test_a_change_is_tried_again_when_identity_cannot_be_asked(
    cluster: Cluster, replica: Replica, ann: Caller
) -> None:
    story = ann.start()
    story.until_qr()
    cluster.accounts.reachable = False
    replica.engine.access.account_changed(change(cluster, ann, logged_out))
    time.sleep(0.3)
    assert reasons(replica) == [None]
    cluster.accounts.reachable = True
    ends_with_access_ended(story)


def test_access_that_ends_by_time_ends_login_and_stream_then(
    cluster: Cluster, replica: Replica, ann: Caller, running_clock: RunningClock
) -> None:
    account = cluster.accounts.known[ann.token]
    end = running_clock() + datetime.timedelta(seconds=2)
    cluster.accounts.known[ann.token] = replace(account, expired_time=end)
    story = ann.start()
    ends_with_access_ended(story)
    assert running_clock() - end < datetime.timedelta(seconds=1)
    eventually(lambda: reasons(replica) == ["ACCESS_ENDED"], "the login has ended as well")


def test_a_longer_access_lets_the_login_go_on(
    cluster: Cluster, replica: Replica, ann: Caller, phone: EmulatorControl, running_clock: RunningClock
) -> None:
    account = cluster.accounts.known[ann.token]
    end = running_clock() + datetime.timedelta(seconds=2)
    cluster.accounts.known[ann.token] = replace(account, expired_time=end)
    story = ann.start()
    qr = story.until_qr()
    longer = end + datetime.timedelta(days=30)
    replica.engine.access.account_changed(
        change(cluster, ann, lambda account: replace(account, expired_time=longer))
    )
    eventually(lambda: running_clock() > end, "the former end is past")
    phone.scan_and_confirm(qr.url)
    assert story.to_end().WhichOneof("event") == "success"


def test_a_token_that_ends_by_itself_ends_its_stream_and_not_the_login(
    cluster: Cluster, replica: Replica, ann: Caller, running_clock: RunningClock
) -> None:
    account = cluster.accounts.known[ann.token]
    story = ann.start()
    story.until_qr()
    end = running_clock() + datetime.timedelta(seconds=0.3)
    cluster.accounts.known["short"] = replace(account, token_expire_time=end)
    ends_with_access_ended(replica.caller("short").watch(story.key))
    assert reasons(replica) == [None]


class Finishing(MpClient):
    """Calls `then` when the session has been taken over and is not saved yet, or `before` it is."""

    before: Callable[[], object] = staticmethod(lambda: None)
    then: Callable[[], object] = staticmethod(lambda: None)
    taken = 0

    def finish_login(self, cookies: MpCookies) -> FinishedLogin:
        Finishing.taken += 1
        session = super().finish_login(cookies)
        Finishing.then()
        return session

    @staticmethod
    def of(settings: MpSettings) -> "Finishing":
        real = real_client(settings)
        return Finishing(settings, real._clock, real._randomness)


def test_a_session_is_not_saved_when_access_ended_while_it_was_taken_over(
    cluster: Cluster, phone: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = cluster.replica(make_client=Finishing.of)
    ann = replica.account()
    # No feed tells of it: the transaction that saves asks.
    monkeypatch.setattr(Finishing, "then", staticmethod(lambda: change(cluster, ann, logged_out)))
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    ends_with_access_ended(story)
    assert saved(replica) == 0


def test_a_session_is_not_taken_over_without_access(
    cluster: Cluster, phone: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = cluster.replica(make_client=Finishing.of)
    ann = replica.account()
    monkeypatch.setattr(Finishing, "taken", 0)
    story = ann.start()
    qr = story.until_qr()
    change(cluster, ann, logged_out)
    phone.scan_and_confirm(qr.url)
    ends_with_access_ended(story)
    assert Finishing.taken == 0


def test_a_confirmed_login_waits_for_identity(
    cluster: Cluster, replica: Replica, ann: Caller, phone: EmulatorControl
) -> None:
    story = ann.start()
    qr = story.until_qr()
    cluster.accounts.reachable = False
    phone.scan_and_confirm(qr.url)
    story.until_stage("confirmed")
    cluster.accounts.reachable = True
    assert story.to_end().WhichOneof("event") == "success"


def test_a_session_that_was_taken_over_waits_for_identity(
    cluster: Cluster, phone: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = cluster.replica(make_client=Finishing.of).account()
    monkeypatch.setattr(Finishing, "taken", 0)
    monkeypatch.setattr(
        Finishing, "then", staticmethod(lambda: setattr(cluster.accounts, "reachable", False))
    )
    story = ann.start()
    phone.scan_and_confirm(story.until_qr().url)
    eventually(lambda: cluster.accounts.failed_calls >= 2, "the session was not saved")
    cluster.accounts.reachable = True
    assert story.to_end().WhichOneof("event") == "success"
    assert Finishing.taken == 1
