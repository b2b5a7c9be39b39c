"""PreviewActivation: what Activate would do, refused and limited as it is, and without any effect."""

import datetime
import secrets
from collections.abc import Callable

import grpc
import pytest
from sqlalchemy import text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.api.messages import timestamp_of
from services.chassis.errors import reason_of
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, at_once, refusal
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, World
from tests.support.waiting import wait_until

LIMIT = 10


def moment(message: pb.PreviewActivationResponse, field: str) -> datetime.datetime | None:
    if not message.HasField(field):  # type: ignore[arg-type]
        return None
    found: datetime.datetime = getattr(message, field).ToDatetime(tzinfo=datetime.UTC)
    return found


@pytest.fixture
def now(clock: Clock) -> datetime.datetime:
    clock.stop()
    return clock.now()


def give(world: World, account: Account, status: str, until: datetime.datetime | None) -> None:
    """As an admin's UpdateUser."""
    account.expired_time = until
    world.set_status(account, status)


@pytest.mark.parametrize(
    ("days_from", "status", "left", "new", "lost"),
    [
        ("now", "pending", None, 30, 0),
        ("now", "active", 1129, 30, 1099),
        ("now", "active", 30.25, 30, 1),
        ("now", "active", 30, 30, 0),
        ("now", "active", 3, 30, 0),
        ("now", "active", -3, 30, 0),
        ("now", "pending", 400, 30, 0),
        ("expiry", "pending", None, 30, 0),
        ("expiry", "active", 1129, 1159, 0),
        ("expiry", "active", -3, 30, 0),
        ("expiry", "pending", 400, 30, 0),
    ],
)
def test_before_and_after(
    replica: Replica,
    world: World,
    admin: Account,
    person: Account,
    now: datetime.datetime,
    days_from: str,
    status: str,
    left: float | None,
    new: int,
    lost: int,
) -> None:
    until = None if left is None else now + datetime.timedelta(days=left)
    give(world, person, status, until)
    code = replica.new_code(admin, 30, days_from=days_from)

    seen = replica.preview(person, f" {code.upper()} ")

    assert (seen.valid_days, seen.days_from, seen.days_lost) == (30, days_from, lost)
    assert moment(seen, "expired_time") == until
    assert moment(seen, "new_expired_time") == now + datetime.timedelta(days=new)
    assert replica.activate(person, code).expired_time == seen.new_expired_time


def test_access_without_an_end_is_lost_to_a_code_from_now_only(
    replica: Replica, world: World, admin: Account, person: Account
) -> None:
    give(world, person, "active", None)
    from_now, from_expiry = (replica.new_code(admin, 30, days_from=one) for one in ("now", "expiry"))

    seen = replica.preview(person, from_now)
    assert not seen.HasField("expired_time")
    assert seen.days_lost > 365 * 7000
    seen = replica.preview(person, from_expiry)
    assert (seen.days_lost, seen.HasField("expired_time"), seen.HasField("new_expired_time")) == (
        0,
        False,
        False,
    )


def test_nothing_changes(
    replica: Replica, world: World, admin: Account, person: Account, database: Database
) -> None:
    code = replica.new_code(admin)
    before = replica.get(admin, code)

    replica.preview(person, code)

    assert replica.get(admin, code) == before
    assert (person.activation_status, world.applications(code)) == ("pending", 0)
    with database.reading() as connection:
        query = text("SELECT count(*) FROM audit_log WHERE actor = :actor")
        assert connection.execute(query, {"actor": str(person.id)}).scalar_one() == 0


def test_a_code_that_the_account_has_redeemed_changes_nothing_again(
    replica: Replica, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    until = replica.activate(person, code).expired_time

    wait_until(lambda: replica.preview(person, code).expired_time == until)
    seen = replica.preview(person, code)
    assert (seen.new_expired_time, seen.days_lost) == (until, 0)


def test_it_is_refused_as_activate_is(
    replica: Replica, world: World, admin: Account, person: Account, clock: Clock
) -> None:
    used, revoked, expired, late = (replica.new_code(admin, 1) for _ in range(4))
    in_an_hour = timestamp_of(clock.now() + datetime.timedelta(hours=1))
    late = replica.new_code(admin, 1, redeem_before=in_an_hour)
    replica.activate(world.add(), used)
    replica.revoke(admin, revoked)
    replica.update(admin, expired, status="expired")
    clock.advance(hours=1)
    stopped = world.add()
    world.set_status(stopped, "revoked")

    def both(account: Account, code: str) -> set[object]:
        return {
            refusal(lambda: replica.preview(account, code)),
            refusal(lambda: replica.activate(account, code)),
        }

    wrong_state = grpc.StatusCode.FAILED_PRECONDITION
    assert both(person, used) == {(wrong_state, "CODE_ALREADY_USED")}
    assert both(person, revoked) == {(wrong_state, "CODE_REVOKED")}
    assert both(person, expired) == {(wrong_state, "CODE_EXPIRED")}
    assert both(person, late) == {(wrong_state, "CODE_TOO_LATE")}
    assert both(person, secrets.token_hex(16)) == {(grpc.StatusCode.NOT_FOUND, "CODE_NOT_FOUND")}
    assert both(person, "no code") == {(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")}
    assert both(stopped, replica.new_code(admin)) == {(wrong_state, "ACCOUNT_REVOKED")}


def reason(call: Callable[[], object]) -> str | None:
    try:
        call()
    except grpc.RpcError as error:
        return reason_of(error)
    return None


def test_guesses_count_together_with_those_of_activate(
    replica: Replica, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    calls = [replica.preview, replica.activate] * LIMIT

    def guess(number: int) -> str | None:
        return reason(lambda: calls[number](person, secrets.token_hex(16)))

    found = at_once([lambda number=number: guess(number) for number in range(2 * LIMIT)])  # type: ignore[misc]

    assert found.count("CODE_NOT_FOUND") == LIMIT
    assert found.count("ACTIVATION_THROTTLED") == LIMIT
    # Over the limit nothing is said about any code.
    assert reason(lambda: replica.preview(person, code)) == "ACTIVATION_THROTTLED"
    assert reason(lambda: replica.activate(person, code)) == "ACTIVATION_THROTTLED"
    assert replica.get(admin, code).activation_status == "pending"
