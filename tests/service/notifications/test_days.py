"""Notices about the end of an account's access: each once, in time, and only while it is true."""

import datetime
import uuid
from collections.abc import Mapping

from services.chassis.mutual_tls import TlsFiles
from tests.service.clocks import CurrentClock
from tests.service.identity.replicas import Clock
from tests.service.notifications.receiver import Receiver, Reply
from tests.service.notifications.replicas import Replica, running
from tests.service.scripted_identity import Account, RunningIdentity, World
from tests.support.postgres import FreshDatabase
from tests.support.waiting import wait_until

DAYS = datetime.timedelta(days=1)


def kinds(replica: Replica, owner: Account) -> list[str]:
    """Of the account's notices, the oldest first."""
    return [one.kind for one in reversed(replica.listed(owner).items)]


def look(replica: Replica) -> None:
    """Does what the loop does when its time has come; the loop itself does not see the moved clock."""
    replica.notifications.days.step()
    replica.wake()


def with_days(replica: Replica, world: World, owner: Account, end: datetime.datetime) -> None:
    """Gives the account access until `end`, and waits until the replica knows it."""
    world.set_days(owner, end)

    def is_known() -> bool:
        replica.notifications.days.step()
        return replica.notifications.days.end_of(owner.id) == end

    wait_until(is_known, "the feed has reported the new end")


def test_seven_days_one_day_and_the_end_are_notified_and_sent_once_each(
    replica: Replica, person: Account, world: World, clock: Clock, receiver: Receiver
) -> None:
    where = f"/{uuid.uuid4().hex}"
    end = clock.now() + 10 * DAYS
    with_days(replica, world, person, end)
    replica.channel(person, receiver.url(where), language="en")
    seen: list[list[str]] = []
    for days in (2.9, 0.2, 5.8, 0.2, 0.8, 0.2, 5):
        clock.advance(days=days)
        look(replica)
        look(replica)
        seen.append(kinds(replica, person))
        wait_until(lambda: len(receiver.at(where)) == len(seen[-1]), "they are sent")

    assert [len(one) for one in seen] == [0, 1, 1, 2, 2, 3, 3]
    assert seen[-1] == ["days.ending", "days.ending", "days.ended"]
    sent = receiver.at(where)
    assert [one.content["type"] for one in sent] == seen[-1]
    assert end.strftime("%Y-%m-%d %H:%M UTC") in sent[0].content["data"]["text"]
    assert len({one.id for one in sent}) == 3


def test_an_account_that_gets_more_days_is_not_told_of_the_old_end(
    replica: Replica, person: Account, world: World, clock: Clock, receiver: Receiver
) -> None:
    where = f"/{uuid.uuid4().hex}"
    receiver.replies[where] = Reply(503)
    replica.channel(person, receiver.url(where))
    with_days(replica, world, person, clock.now() + 6 * DAYS)
    wait_until(lambda: len(receiver.at(where)) == 1, "the first attempt has failed")
    wait_until(lambda: replica.deliveries(person)[0].error == "HTTP_503", "and is recorded")

    del receiver.replies[where]
    # Known to Identity, and not yet to the replica: it asks when it sends.
    world.accounts[person.id].expired_time = clock.now() + 60 * DAYS
    clock.advance(seconds=70)
    replica.wake()

    wait_until(lambda: replica.deliveries(person)[0].state == "dropped", "it is dropped")
    assert replica.deliveries(person)[0].error == "WITHDRAWN"
    assert len(receiver.at(where)) == 1


def test_a_new_end_withdraws_the_notices_of_the_old_one(
    replica: Replica, person: Account, world: World, clock: Clock
) -> None:
    with_days(replica, world, person, clock.now() + 6 * DAYS)
    wait_until(lambda: kinds(replica, person) == ["days.ending"], "it is notified")
    with_days(replica, world, person, clock.now() + 60 * DAYS)

    [notice] = replica.listed(person).items
    assert notice.HasField("withdraw_time")
    clock.advance(days=54)
    look(replica)
    assert kinds(replica, person) == ["days.ending", "days.ending"]


def test_admins_and_accounts_without_access_have_no_notices(
    replica: Replica, admin: Account, world: World, clock: Clock
) -> None:
    revoked = world.add()
    for account in (admin, revoked):
        world.set_days(account, clock.now() + 6 * DAYS)
    world.set_status(revoked, "revoked")
    told = world.add()
    with_days(replica, world, told, clock.now() + 6 * DAYS)
    wait_until(lambda: kinds(replica, told) == ["days.ending"], "the last account is notified")

    assert kinds(replica, admin) == kinds(replica, revoked) == []


def test_after_an_outage_only_what_is_true_is_notified(
    replica: Replica, person: Account, world: World, clock: Clock
) -> None:
    with_days(replica, world, person, clock.now() + 8 * DAYS)
    clock.advance(days=9)
    look(replica)

    assert kinds(replica, person) == ["days.ended"]


def test_two_replicas_notify_once(
    replica: Replica,
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
    person: Account,
    world: World,
    clock: Clock,
) -> None:
    with_days(replica, world, person, clock.now() + 8 * DAYS)
    with running(database_url, certificates, identity.address, current_clock) as second:
        clock.advance(days=2)
        for _ in range(3):
            look(replica)
            look(second)

        assert kinds(replica, person) == ["days.ending"]


def test_accounts_whose_changes_are_no_longer_in_the_feed_are_known(
    fresh_database: FreshDatabase,
    certificates: Mapping[str, TlsFiles],
    current_clock: CurrentClock,
    clock: Clock,
) -> None:
    identity = RunningIdentity(certificates["identity"])
    try:
        account = identity.world.add()
        identity.world.set_days(account, clock.now() + 6 * DAYS)
        identity.world.prune()
        url = fresh_database("notifications")
        with running(url, certificates, identity.address, current_clock) as fresh:
            wait_until(lambda: kinds(fresh, account) == ["days.ending"], "it is notified")
    finally:
        identity.down()
