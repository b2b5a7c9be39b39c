"""Notifications as they are published, withdrawn, listed and read."""

import threading
import uuid

import grpc
import pytest
from sqlalchemy import text

from fastmp.notifications.v1 import notifications_service_pb2 as pb
from services.chassis.errors import reason_of
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import at_once, refusal
from tests.service.notifications.replicas import Replica
from tests.service.scripted_identity import Account, World
from tests.support.waiting import wait_until


def test_a_notification_is_listed_in_the_language_of_the_call(replica: Replica, person: Account) -> None:
    replica.publish(person, kind="cookie.dead", name="示例号", time="2026-01-02 03:04 UTC")

    [english] = replica.listed(person).items
    [chinese] = replica.listed(person, "zh").items

    assert english.title == "The login of “示例号” no longer works"
    assert english.text == "WeChat no longer accepts it (2026-01-02 03:04 UTC). Scan a new QR code."
    assert chinese.title == "公众号“示例号”的登录已失效"
    assert english.subject_id == "subject"


def test_an_event_is_one_notification_however_often_it_is_published(
    replica: Replica, person: Account
) -> None:
    event = uuid.uuid4().hex

    outcomes = at_once([lambda: replica.publish(person, event)] * 8)

    assert outcomes == [event] * 8
    assert len(replica.listed(person).items) == 1


def test_braces_in_values_are_plain_characters(replica: Replica, person: Account) -> None:
    replica.publish(person, name="{time.__class__}", time="{0}")

    assert replica.listed(person).items[0].title == "The login of “{time.__class__}” no longer works"


def test_a_withdrawn_notification_says_so_and_is_not_unread(replica: Replica, person: Account) -> None:
    event = replica.publish(person)
    replica.withdraw(event)
    replica.withdraw(event)

    listed = replica.listed(person)

    assert listed.unread == 0
    assert listed.items[0].HasField("withdraw_time")


def test_an_event_that_was_withdrawn_first_is_never_notified(replica: Replica, person: Account) -> None:
    event = uuid.uuid4().hex
    replica.withdraw(event)
    replica.publish(person, event)

    assert list(replica.listed(person).items) == []


def test_an_event_that_is_already_over_is_not_notified(replica: Replica, person: Account) -> None:
    replica.publish(person, valid_days=-1)

    assert list(replica.listed(person).items) == []


def test_the_events_of_two_publishers_are_different_ones(
    replica: Replica, person: Account, database: Database
) -> None:
    event = replica.publish(person)
    with database.transaction() as connection:
        found = connection.execute(text("SELECT publisher FROM events WHERE event_id = :id"), {"id": event})
        assert found.scalars().all() == ["activation"]


def test_reading_marks_only_ones_own(replica: Replica, person: Account, world: World) -> None:
    other = world.add()
    for owner in (person, person, other):
        replica.publish(owner)
    mine, theirs = replica.listed(person).items, replica.listed(other).items

    assert replica.read(person, mine[0].id, theirs[0].id, str(uuid.uuid4())) == 1
    assert replica.listed(other).unread == 1
    assert replica.read(person, all=True) == 0
    assert all(one.HasField("read_time") for one in replica.listed(person).items)


def test_pages_follow_each_other_without_a_gap(replica: Replica, person: Account) -> None:
    for _ in range(5):
        replica.publish(person)
    whole = [one.id for one in replica.listed(person).items]
    found: list[str] = []
    token: str | None = None
    while True:
        page = replica.listed(person, size=2, **({"page_token": token} if token else {}))
        found += [one.id for one in page.items]
        if not page.HasField("next_page_token"):
            break
        token = page.next_page_token

    assert found == whole
    assert len(set(found)) == 5


def test_all_admins_are_notified(replica: Replica, admin: Account, world: World, person: Account) -> None:
    second = world.add("admin")
    seen: list[int] = []

    def both_are_notified() -> bool:
        try:
            replica.publish(None, kind="codes.low", count="3")
        except grpc.RpcError as error:
            # While no admin is known, the publisher tries again.
            return reason_of(error) != "IDENTITY_UNAVAILABLE"
        seen[:] = [len(replica.listed(one).items) for one in (admin, second)]
        return all(seen)

    wait_until(both_are_notified, "the feed has reported the new admins")
    assert list(replica.listed(person).items) == []


def test_a_deleted_account_has_nothing_and_gets_nothing(
    replica: Replica, person: Account, world: World, database: Database
) -> None:
    replica.publish(person)
    replica.channel(person, "https://hooks.example.com/a")
    world.delete(person.id)

    def rows() -> int:
        counts = text(
            "SELECT (SELECT count(*) FROM notifications WHERE owner_id = :id)"
            " + (SELECT count(*) FROM channels WHERE owner_id = :id)"
        )
        with database.reading() as connection:
            return int(connection.execute(counts, {"id": person.id}).scalar_one())

    wait_until(lambda: rows() == 0, "the account's data is deleted")
    replica.publish(person)
    assert rows() == 0


def test_a_notification_for_an_account_that_never_was_is_deleted(
    replica: Replica, world: World, database: Database
) -> None:
    stranger = Account(uuid.uuid4(), "nobody@example.com")
    replica.publish(stranger)
    # Identity is asked with the next change of any account.
    world.add()
    count = text("SELECT count(*) FROM notifications WHERE owner_id = :id")

    def is_gone() -> bool:
        with database.reading() as connection:
            return int(connection.execute(count, {"id": stranger.id}).scalar_one()) == 0

    wait_until(is_gone, "Identity was asked")


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "days.ending"},
        {"kind": "nothing"},
        {"event_id": ""},
        {"to_admins": True},
        {"values": [pb.NamedValue(name="a b", value="")]},
        {"owner_id": "x"},
    ],
)
def test_bad_events_are_refused(replica: Replica, person: Account, changes: dict[str, object]) -> None:
    good: dict[str, object] = {"event_id": "e", "kind": "cookie.dead", "owner_id": str(person.id)}
    request = pb.PublishRequest(**(good | changes))  # type: ignore[arg-type]
    request.valid_until.GetCurrentTime()

    code, _ = refusal(lambda: replica.publisher.Publish(request))

    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_only_publishers_publish(replica: Replica, person: Account) -> None:
    request = pb.WithdrawRequest(event_id="e")

    code, reason = refusal(lambda: replica.stub.Withdraw(request, metadata=person.bearer))

    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")


def test_publishing_and_withdrawing_at_once_leaves_nothing_true(replica: Replica, person: Account) -> None:
    for _ in range(10):
        event = uuid.uuid4().hex
        threads = [
            threading.Thread(target=replica.publish, args=(person, event)),
            threading.Thread(target=replica.withdraw, args=(event,)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert replica.listed(person).unread == 0
