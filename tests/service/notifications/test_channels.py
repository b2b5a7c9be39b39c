"""Channels: created, changed, tested and deleted by their owners; secrets are never answered again."""

import base64
import uuid

import grpc
import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from fastmp.notifications.v1 import notifications_service_pb2 as pb
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import at_once, refusal, refused
from tests.service.identity.replicas import Clock
from tests.service.notifications.receiver import Receiver, Reply
from tests.service.notifications.replicas import Replica
from tests.service.scripted_identity import Account, World


def test_a_webhooks_secret_is_answered_once_and_its_address_never(
    replica: Replica, person: Account, database: Database
) -> None:
    created = replica.channel(person, "https://hooks.example.com/secret-path?key=1", events=["cookie.dead"])
    read = replica.get(person, created.id)

    assert created.secret.startswith("whsec_")
    assert len(base64.b64decode(created.secret.removeprefix("whsec_"))) == 32
    assert not read.HasField("secret")
    assert read.address_hint == "hooks.example.com"
    assert (list(read.events), read.language, read.enabled) == (["cookie.dead"], "zh", True)
    with database.reading() as connection:
        row = connection.execute(
            text("SELECT channels::text, secrets FROM channels WHERE id = :id"), {"id": created.id}
        ).one()
    assert b"secret-path" not in row.secrets
    assert "secret-path" not in row[0]


def test_anothers_channel_does_not_exist(replica: Replica, person: Account, world: World) -> None:
    other = world.add("admin")
    mine = replica.channel(person, "https://hooks.example.com/a").id

    for call in (
        lambda: replica.get(other, mine),
        lambda: replica.update(other, mine, name="x"),
        lambda: replica.test(other, mine),
        lambda: replica.stub.DeleteChannel(pb.DeleteChannelRequest(id=mine), metadata=other.bearer),
    ):
        assert refusal(call) == (grpc.StatusCode.NOT_FOUND, "CHANNEL_NOT_FOUND")
    assert replica.get(person, mine).name == "mine"


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.com/a",
        "ftp://hooks.example.com",
        "https://",
        "https://user@hooks.example.com/",
        "https://hooks.example.com/#a",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/\u00e9",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://0x0a000001/",
        "https://167772161/",
        "https://10.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "json://hooks.example.com",
    ],
)
def test_addresses_that_a_webhook_may_not_have(replica: Replica, person: Account, address: str) -> None:
    code, _ = refusal(lambda: replica.channel(person, address))

    assert code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("kind", ["json", "mailtos", "ntfy", "WEBHOOK", ""])
def test_a_kind_that_is_not_on_the_list_is_refused_with_the_list(
    replica: Replica, person: Account, kind: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        replica.channel(person, f"{kind}://example.com/a", kind)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = caught.value.details() or ""
    assert all(name in details for name in ("webhook", "mailto", "dingtalk", "wecombot", "schan"))


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("dingtalk", "dingtalk://abcdefabcdef"),
        ("dingtalk", "dingtalk://secret0@abcdefabcdef"),
        ("feishu", f"feishu://{'a' * 36}"),
        ("lark", f"lark://{'a' * 36}"),
        ("wecombot", f"wecombot://{'a' * 36}"),
        ("tgram", f"tgram://123456789:{'a' * 35}/12345"),
        ("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"),
        ("discord", "discord://1234567890/abcdefghij"),
        ("pushplus", f"pushplus://{'a' * 32}"),
        ("schan", f"schan://{'a' * 20}"),
    ],
)
def test_apprises_kinds_with_a_fixed_host_are_accepted(
    replica: Replica, person: Account, kind: str, address: str
) -> None:
    created = replica.channel(person, address, kind)

    assert (created.kind, created.address_hint, created.HasField("secret")) == (kind, "", False)
    code, _ = refusal(lambda: replica.channel(person, f"{address}?verify=no", kind))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "address", ["json://example.com", "dingtalk://", "https://example.com/", "slack://a"]
)
def test_addresses_that_a_kind_may_not_have(replica: Replica, person: Account, address: str) -> None:
    code, _ = refusal(lambda: replica.channel(person, address, "dingtalk"))

    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_without_an_smtp_server_there_is_no_mail(replica: Replica, person: Account) -> None:
    outcome = refusal(lambda: replica.channel(person, "me@example.com", "mailto"))

    assert outcome == (grpc.StatusCode.FAILED_PRECONDITION, "MAIL_UNAVAILABLE")


def test_an_account_has_at_most_ten_channels_also_at_once(replica: Replica, person: Account) -> None:
    outcomes = at_once([lambda: replica.channel(person, "https://hooks.example.com/a")] * 13)

    failed = [refused(one) for one in outcomes if isinstance(one, grpc.RpcError)]
    assert failed == [(grpc.StatusCode.RESOURCE_EXHAUSTED, "CHANNELS_EXHAUSTED")] * 3


def test_the_test_button_sends_one_signed_message_and_says_what_happened(
    replica: Replica, person: Account, receiver: Receiver
) -> None:
    channel = replica.channel(person, receiver.url("/tested"), language="en")

    assert replica.test(person, channel.id) == pb.TestChannelResponse(delivered=True)
    receiver.replies["/tested"] = Reply(500)
    assert replica.test(person, channel.id) == pb.TestChannelResponse(delivered=False, error="HTTP_500")

    [first, second] = receiver.at("/tested")
    content = Webhook(channel.secret).verify(first.body, dict(first.headers))
    assert content["type"] == "test"
    assert content["data"]["title"] == "FastMP test notification"
    assert first.id != second.id


def test_tests_are_limited(replica: Replica, person: Account, receiver: Receiver) -> None:
    channel = replica.channel(person, receiver.url("/limited"))
    for _ in range(20):
        replica.test(person, channel.id)

    outcome = refusal(lambda: replica.test(person, channel.id))

    assert outcome == (grpc.StatusCode.RESOURCE_EXHAUSTED, "CHANNEL_TESTS_THROTTLED")
    assert len(receiver.at("/limited")) == 20


def test_both_secrets_sign_for_a_day_after_a_rotation(
    replica: Replica, person: Account, receiver: Receiver, clock: Clock
) -> None:
    created = replica.channel(person, receiver.url("/rotated"))
    rotated = replica.update(person, created.id, rotate_secret=True)
    assert rotated.secret not in {"", created.secret}
    assert rotated.HasField("previous_secret_until")

    replica.test(person, created.id)
    message = receiver.at("/rotated")[-1]
    for secret in (created.secret, rotated.secret):
        Webhook(secret).verify(message.body, dict(message.headers))

    clock.advance(days=1, seconds=1)
    replica.test(person, created.id)
    message = receiver.at("/rotated")[-1]
    assert len(message.headers["webhook-signature"].split()) == 1
    assert not replica.get(person, created.id).HasField("previous_secret_until")


def test_changes_apply_to_what_is_sent(replica: Replica, person: Account, receiver: Receiver) -> None:
    channel = replica.channel(person, receiver.url("/before"), events=["cookie.dead"])
    changed = replica.update(
        person, channel.id, address=receiver.url("/after"), name="new", all_events=True, language="en"
    )

    assert (changed.name, list(changed.events), changed.language) == ("new", [], "en")
    assert replica.test(person, channel.id).delivered
    assert not receiver.at("/before")
    assert Webhook(channel.secret).verify(
        receiver.at("/after")[0].body, dict(receiver.at("/after")[0].headers)
    )


def test_a_deleted_channel_is_gone(replica: Replica, person: Account) -> None:
    channel = replica.channel(person, "https://hooks.example.com/a").id
    replica.stub.DeleteChannel(pb.DeleteChannelRequest(id=channel), metadata=person.bearer)

    assert refusal(lambda: replica.get(person, channel)) == (grpc.StatusCode.NOT_FOUND, "CHANNEL_NOT_FOUND")
    assert refusal(lambda: replica.get(person, str(uuid.uuid4())))[0] is grpc.StatusCode.NOT_FOUND
