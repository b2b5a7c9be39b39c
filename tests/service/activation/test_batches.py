"""Batches: what GenerateCodes makes, listed with the number of codes by state, revoked as a whole."""

import datetime
from functools import partial

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, at_once, refusal
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, World
from tests.support.waiting import wait_until

BAD = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
UNKNOWN_BATCH = "6a1f8a1c-0000-4000-8000-000000000000"


def in_days(clock: Clock, days: float) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(clock.now() + datetime.timedelta(days=days))
    return message


def counts(batch: pb.Batch) -> tuple[int, int, int, int]:
    return (batch.pending, batch.active, batch.expired, batch.revoked)


def entries(database: Database, action: str, target: str) -> list[dict[str, str]]:
    """The details of the audit entries."""
    query = text("SELECT details FROM audit_log WHERE action = :action AND target = :target ORDER BY id")
    with database.reading() as connection:
        return list(connection.execute(query, {"action": action, "target": target}).scalars())


def test_a_batch_has_the_terms_of_its_codes(
    replica: Replica, admin: Account, clock: Clock, database: Database
) -> None:
    clock.stop()
    before = in_days(clock, 90)

    made = replica.batch(
        admin, 3, 7, note="给张三，订单 12", days_from="expiry", redeem_before=before, request_id="batch-1"
    )

    for code in (*made.codes, *replica.list(admin, batch_id=made.batch_id).items):
        assert (code.batch_id, code.note, code.days_from) == (made.batch_id, "给张三，订单 12", "expiry")
        assert code.redeem_before == before
    found = replica.batches(admin, size=1).items[0]
    assert (found.batch_id, found.note, found.days_from) == (made.batch_id, "给张三，订单 12", "expiry")
    assert (found.valid_days, found.redeem_before, found.created_by) == (7, before, admin.email)
    assert found.create_time == made.codes[0].create_time
    assert counts(found) == (3, 0, 0, 0)
    (details,) = entries(database, "codes_generated", made.batch_id)
    assert details["count"] == "3"
    assert "张三" not in str(details)


def test_without_terms_days_count_from_now_and_codes_never_get_too_late(
    replica: Replica, admin: Account
) -> None:
    made = replica.batch(admin, 1)

    found = replica.batches(admin, size=1).items[0]
    for one in (made.codes[0], found):
        assert one.days_from == "now"
        assert not one.HasField("note")
        assert not one.HasField("redeem_before")
    assert found.batch_id == made.batch_id


@pytest.mark.parametrize("changed", [{"note": "other"}, {"days_from": "expiry"}, {"redeem_before": 2}])
def test_a_request_id_stands_for_its_terms_too(
    replica: Replica, admin: Account, clock: Clock, changed: dict[str, object]
) -> None:
    request_id = f"terms-{next(iter(changed))}"
    terms = {"note": "one", "days_from": "now", "redeem_before": in_days(clock, 1), "request_id": request_id}
    if "redeem_before" in changed:
        changed = {"redeem_before": in_days(clock, 2)}
    made = replica.batch(admin, 2, 30, **terms)

    assert replica.batch(admin, 2, 30, **terms) == made
    reused = (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert refusal(lambda: replica.batch(admin, 2, 30, **terms | changed)) == reused


def test_what_was_generated_before_there_were_batches_belongs_to_none(
    replica: Replica, admin: Account, database: Database
) -> None:
    made = replica.batch(admin, 1, request_id="before batches")
    code = made.codes[0].activation_code
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE activation_codes SET batch_id = NULL WHERE activation_code = :c"), {"c": code}
        )
        connection.execute(
            text("UPDATE generation_requests SET batch_id = NULL WHERE request_id = 'before batches'")
        )

    assert not replica.get(admin, code).HasField("batch_id")
    assert not replica.batch(admin, 1, request_id="before batches").HasField("batch_id")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("note", "x" * 201),
        ("note", "two\nlines"),
        ("days_from", "today"),
        ("days_from", ""),
        ("redeem_before", Timestamp(seconds=1)),
        ("redeem_before", Timestamp(seconds=253402300799)),
        ("redeem_before", Timestamp(seconds=-99999999999)),
    ],
)
def test_bad_terms_are_refused_by_the_name_of_the_field(
    replica: Replica, admin: Account, field: str, value: object
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        replica.batch(admin, 1, 30, **{field: value})

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field in str(refused.value.trailing_metadata())


def test_the_last_moment_to_redeem_before_is_ten_years_away(
    replica: Replica, admin: Account, clock: Clock
) -> None:
    clock.stop()

    assert replica.batch(admin, 1, redeem_before=in_days(clock, 3650)).codes
    assert refusal(lambda: replica.batch(admin, 1, redeem_before=in_days(clock, 3650.001))) == BAD
    assert refusal(lambda: replica.batch(admin, 1, redeem_before=in_days(clock, 0))) == BAD


def test_batches_are_counted_by_the_effective_state_of_their_codes(
    replica: Replica, admin: Account, world: World, clock: Clock
) -> None:
    made = replica.batch(admin, 5, 1)
    codes = [code.activation_code for code in made.codes]
    replica.activate(world.add(), codes[0])
    replica.revoke(admin, codes[1])
    replica.update(admin, codes[2], valid_days=9)
    replica.activate(world.add(), codes[2])
    clock.advance(days=2)

    other = replica.batch(admin, 2)
    found = {batch.batch_id: counts(batch) for batch in replica.batches(admin).items}

    assert found[made.batch_id] == (2, 1, 1, 1)
    assert found[other.batch_id] == (2, 0, 0, 0)


def test_a_code_past_redeem_before_reads_as_expired_everywhere(
    replica: Replica, admin: Account, person: Account, clock: Clock
) -> None:
    made = replica.batch(admin, 3, redeem_before=in_days(clock, 5))
    redeemed, late, _ = (code.activation_code for code in made.codes)
    replica.activate(person, redeemed)
    clock.advance(days=5, seconds=1)

    refused = (grpc.StatusCode.FAILED_PRECONDITION, "CODE_TOO_LATE")
    assert refusal(lambda: replica.activate(person, late)) == refused
    # What was redeemed in time stays so, also for a repeat.
    assert replica.activate(person, redeemed).activation_status == "active"
    assert replica.get(admin, late).activation_status == "expired"
    found = next(one for one in replica.batches(admin).items if one.batch_id == made.batch_id)
    assert counts(found) == (0, 1, 2, 0)
    by_status = {
        status: replica.list(admin, status=status, batch_id=made.batch_id).total
        for status in ("pending", "active", "expired", "revoked")
    }
    assert by_status == {"pending": 0, "active": 1, "expired": 2, "revoked": 0}
    export = pb.ExportCodesRequest(batch_id=made.batch_id, status="expired")
    lines = b"".join(
        block.data for block in replica.stub.ExportCodes(export, metadata=admin.bearer)
    ).splitlines()
    assert [line.split(b",")[3] for line in lines[1:]] == [b"expired"] * 2


def test_revoking_a_batch_revokes_what_can_be_redeemed_and_is_recorded_once(
    replica: Replica, admin: Account, person: Account, database: Database
) -> None:
    made = replica.batch(admin, 4)
    other = replica.new_code(admin)
    replica.activate(person, made.codes[0].activation_code)

    revoked = replica.revoke_batch(admin, made.batch_id)

    assert counts(revoked) == (0, 1, 0, 3)
    assert revoked.created_by == admin.email
    assert replica.revoke_batch(admin, made.batch_id.upper()) == revoked
    assert entries(database, "batch_revoked", made.batch_id) == [{"count": "3"}]
    assert replica.get(admin, other).activation_status == "pending"
    assert person.activation_status == "active"


def test_a_revocation_and_concurrent_redemptions_leave_each_code_to_one_of_them(
    replica: Replica, admin: Account, world: World
) -> None:
    made = replica.batch(admin, 30)
    people = [world.add() for _ in made.codes]

    def redeem(number: int) -> object:
        return replica.activate(people[number], made.codes[number].activation_code)

    outcomes = at_once(
        [
            *[partial(redeem, number) for number in range(len(people))],
            *[lambda: replica.revoke_batch(admin, made.batch_id)] * 3,
        ]
    )

    redeemed = [one for one in outcomes[:30] if isinstance(one, pb.ActivateResponse)]
    found = next(one for one in replica.batches(admin).items if one.batch_id == made.batch_id)
    assert counts(found) == (0, len(redeemed), 0, 30 - len(redeemed))
    assert not [one for one in outcomes[30:] if isinstance(one, grpc.RpcError)]


@pytest.mark.parametrize("batch_id", ["", "12", "{6a1f8a1c-0000-4000-8000-000000000000}", "6a1f8a1c%"])
def test_what_is_no_batch_is_bad_input(replica: Replica, admin: Account, batch_id: str) -> None:
    assert refusal(lambda: replica.revoke_batch(admin, batch_id)) == BAD
    assert refusal(lambda: replica.list(admin, batch_id=batch_id)) == BAD


def test_an_unknown_batch_is_not_found_and_has_no_codes(replica: Replica, admin: Account) -> None:
    expected = (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")
    assert refusal(lambda: replica.revoke_batch(admin, UNKNOWN_BATCH)) == expected
    assert replica.list(admin, batch_id=UNKNOWN_BATCH).total == 0


@pytest.mark.usefixtures("no_codes")
def test_pages_of_batches_give_each_once_newest_first(
    replica: Replica, admin: Account, database: Database
) -> None:
    with database.transaction() as connection:
        connection.execute(text("TRUNCATE code_batches"))
    made = [replica.batch(admin, 1).batch_id for _ in range(7)]

    seen: list[str] = []
    answer = replica.batches(admin, size=3)
    while True:
        seen += [one.batch_id for one in answer.items]
        if not answer.HasField("next_page_token"):
            break
        answer = replica.batches(admin, size=3, page_token=answer.next_page_token)

    assert seen == made[::-1]
    assert refusal(lambda: replica.batches(admin, size=201)) == BAD
    assert refusal(lambda: replica.batches(admin, page_token="x")) == BAD


def test_a_batch_of_a_deleted_admin_names_none(replica: Replica, world: World, admin: Account) -> None:
    gone = world.add("admin")
    replica.batch(gone, 1)
    world.delete(gone.id)

    def names_none() -> bool:
        return bool(replica.batches(admin, size=1).items[0].created_by == "")

    # The replica learns of the deletion by the account feed.
    wait_until(names_none, "the batch names no admin")
