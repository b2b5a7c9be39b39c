"""Deliveries through webhooks: once, in time, retried, withdrawn, and not delayed by others."""

import uuid
from collections.abc import Mapping

import pytest
from standardwebhooks import Webhook

from services.chassis.mutual_tls import TlsFiles
from tests.service.clocks import CurrentClock
from tests.service.identity.replicas import Clock
from tests.service.notifications.receiver import Receiver, Reply
from tests.service.notifications.replicas import Replica, running
from tests.service.scripted_identity import Account, RunningIdentity, World
from tests.support.postgres import FreshDatabase
from tests.support.waiting import wait_until


def path() -> str:
    return f"/{uuid.uuid4().hex}"


def states(replica: Replica, owner: Account) -> list[tuple[str, str]]:
    return [(one.state, one.error) for one in replica.deliveries(owner)]


def wait_for(replica: Replica, owner: Account, *expected: tuple[str, str]) -> None:
    wait_until(lambda: states(replica, owner) == list(expected), f"the deliveries are {expected}")


def wait_for_attempts(replica: Replica, owner: Account, number: int) -> None:
    """Waits until so many attempts have failed, and are recorded."""

    def are_recorded() -> bool:
        found = replica.deliveries(owner)
        return sum(one.attempts for one in found) == number and all(one.error for one in found)

    wait_until(are_recorded, f"{number} attempts have failed")


def test_a_notification_is_delivered_once_signed_and_in_the_channels_language(
    replica: Replica, person: Account, receiver: Receiver
) -> None:
    where = path()
    channel = replica.channel(person, receiver.url(where), language="en")
    event = replica.publish(person, name="Example", link="https://fastmp.example/scan")
    replica.publish(person, event, name="Example")
    wait_for(replica, person, ("delivered", ""))

    [message] = receiver.at(where)
    content = Webhook(channel.secret).verify(message.body, dict(message.headers))
    [notification] = replica.listed(person).items
    assert message.id == f"msg_{notification.id.replace('-', '')}"
    assert content["type"] == "cookie.dead"
    assert content["data"]["title"] == notification.title
    assert content["data"]["link"] == "https://fastmp.example/scan"
    assert replica.get(person, channel.id).HasField("last_delivery_time")


def test_only_wanted_kinds_are_sent(replica: Replica, person: Account, receiver: Receiver) -> None:
    where = path()
    replica.channel(person, receiver.url(where), events=["cookie.expired"])
    replica.publish(person, kind="cookie.dead")
    replica.publish(person, kind="cookie.expired")
    wait_for(replica, person, ("delivered", ""))

    assert [one.content["type"] for one in receiver.at(where)] == ["cookie.expired"]


def test_a_failed_delivery_is_repeated_with_the_same_id_after_a_minute(
    replica: Replica, person: Account, receiver: Receiver, clock: Clock
) -> None:
    where = path()
    receiver.replies[where] = Reply(500)
    channel = replica.channel(person, receiver.url(where))
    replica.publish(person)
    wait_for(replica, person, ("pending", "HTTP_500"))
    wait = replica.deliveries(person)[0].next_attempt_time.ToDatetime() - clock.now().replace(tzinfo=None)
    assert 50 < wait.total_seconds() <= 60
    failing = replica.get(person, channel.id)
    assert failing.last_error == "HTTP_500"
    assert failing.HasField("failing_since")

    del receiver.replies[where]
    clock.advance(seconds=61)
    replica.wake()
    wait_for(replica, person, ("delivered", ""))

    first, second = receiver.at(where)
    assert first.id == second.id
    assert replica.deliveries(person)[0].attempts == 2
    assert not replica.get(person, channel.id).HasField("failing_since")


def test_retry_after_is_kept(replica: Replica, person: Account, receiver: Receiver, clock: Clock) -> None:
    where = path()
    receiver.replies[where] = Reply(429, {"Retry-After": "600"})
    replica.channel(person, receiver.url(where))
    replica.publish(person)
    wait_for(replica, person, ("pending", "HTTP_429"))

    wait = replica.deliveries(person)[0].next_attempt_time.ToDatetime() - clock.now().replace(tzinfo=None)
    assert 590 < wait.total_seconds() <= 600


def test_a_receiver_that_is_gone_switches_its_channel_off(
    replica: Replica, person: Account, receiver: Receiver
) -> None:
    where = path()
    receiver.replies[where] = Reply(410)
    channel = replica.channel(person, receiver.url(where))
    replica.publish(person)
    wait_for(replica, person, ("failed", "HTTP_410"))

    off = replica.get(person, channel.id)
    assert (off.enabled, off.disabled_reason) == (False, "GONE")
    replica.publish(person)
    assert len(replica.deliveries(person)) == 1

    on = replica.update(person, channel.id, enabled=True)
    assert (on.enabled, on.HasField("disabled_reason")) == (True, False)


def test_a_channel_that_has_failed_for_three_days_is_paused(
    replica: Replica, person: Account, receiver: Receiver, clock: Clock
) -> None:
    where = path()
    receiver.replies[where] = Reply(503)
    channel = replica.channel(person, receiver.url(where))
    for number in range(1, 4):
        replica.publish(person, valid_days=30)
        replica.wake()
        wait_for_attempts(replica, person, number)
        clock.advance(days=1, minutes=1)
    replica.publish(person, valid_days=30)
    replica.wake()
    wait_until(lambda: not replica.get(person, channel.id).enabled, "the channel is paused")

    assert replica.get(person, channel.id).disabled_reason == "FAILING"
    assert {state for state, _ in states(replica, person)} == {"failed"}


def test_a_delivery_ends_after_a_day(
    replica: Replica, person: Account, receiver: Receiver, clock: Clock
) -> None:
    where = path()
    receiver.replies[where] = Reply(503)
    replica.channel(person, receiver.url(where))
    replica.publish(person, valid_days=30)
    wait_for(replica, person, ("pending", "HTTP_503"))

    clock.advance(days=1, seconds=1)
    replica.wake()

    wait_for(replica, person, ("failed", "HTTP_503"))


def test_what_is_no_longer_true_is_not_sent(
    replica: Replica, person: Account, receiver: Receiver, clock: Clock
) -> None:
    where = path()
    receiver.replies[where] = Reply(503)
    replica.channel(person, receiver.url(where))
    event = replica.publish(person)
    wait_for(replica, person, ("pending", "HTTP_503"))
    late = replica.publish(person, valid_days=0.0005)

    replica.withdraw(event)
    clock.advance(hours=1)
    replica.wake()

    wait_for(replica, person, ("dropped", "TOO_LATE"), ("dropped", "WITHDRAWN"))
    assert len(receiver.at(where)) == 1
    assert late


def test_redirects_are_not_followed_and_long_answers_not_read(
    replica: Replica, person: Account, receiver: Receiver
) -> None:
    redirecting, long, target = path(), path(), path()
    receiver.replies[redirecting] = Reply(302, {"Location": receiver.url(target)})
    receiver.replies[long] = Reply(200, body=b"x" * 50_000_000)

    redirected = replica.channel(person, receiver.url(redirecting))
    assert replica.test(person, redirected.id).error == "REDIRECT"
    assert replica.test(person, replica.channel(person, receiver.url(long)).id).delivered
    assert not receiver.at(target)


@pytest.mark.long
def test_a_receiver_that_hangs_delays_no_other(
    replica: Replica, person: Account, receiver: Receiver, world: World
) -> None:
    owners = [world.add("admin") for _ in range(8)]
    hanging = path()
    receiver.replies[hanging] = Reply(hang_seconds=30)
    for owner in owners:
        for _ in range(4):
            replica.channel(owner, receiver.url(hanging))
        replica.publish(owner)
    wait_until(lambda: len(receiver.at(hanging)) >= 24, "all threads wait for receivers that hang")
    where = path()
    replica.channel(person, receiver.url(where))
    replica.publish(person)

    # They give up after ten seconds, and from then on have threads of their own.
    wait_until(lambda: len(receiver.at(where)) == 1, "the other is served", 15)


def test_what_was_published_while_no_replica_delivers_is_delivered_by_the_next(
    fresh_database: FreshDatabase,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
    person: Account,
    receiver: Receiver,
) -> None:
    where, database_url = path(), fresh_database("notifications")
    with running(database_url, certificates, identity.address, current_clock) as first:
        first.channel(person, receiver.url(where))
        for workers in first.notifications.workers:
            workers.stop()
        first.publish(person)
    assert not receiver.at(where)

    with running(database_url, certificates, identity.address, current_clock) as second:
        wait_for(second, person, ("delivered", ""))
    assert len(receiver.at(where)) == 1


def test_two_replicas_send_each_message_once(
    replica: Replica,
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
    person: Account,
    receiver: Receiver,
) -> None:
    where = path()
    with running(database_url, certificates, identity.address, current_clock) as second:
        for _ in range(3):
            replica.channel(person, receiver.url(where))
        for number in range(30):
            (replica, second)[number % 2].publish(person)
        wait_until(
            lambda: {*states(replica, person)} == {("delivered", "")} and len(receiver.at(where)) >= 90,
            "all are delivered",
        )

    assert len(receiver.at(where)) == 90
    assert len({one.id for one in receiver.at(where)}) == 30
