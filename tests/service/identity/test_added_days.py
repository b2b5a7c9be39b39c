"""Codes that add their days to what the account has left: nothing is lost, in whatever order they arrive."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.postgres.database import Database
from tests.service.identity.replicas import Account, Callers, Clock, refusal
from tests.service.identity.test_activations import FIRST, SECOND, apply, changes, clear, end_in, me


@pytest.fixture(autouse=True)
def _stopped(clock: Clock) -> None:
    clock.stop()


def add(
    callers: Callers, account: Account, code: str, days: int, clock: Clock, redeemed_in: float = 0
) -> pb.ApplyActivationResponse:
    request = pb.ApplyActivationRequest(account_id=account.id, activation_code=code, added_days=days)
    request.redeemed_time.CopyFrom(end_in(clock, redeemed_in))
    return callers.activation.ApplyActivation(request)


def set_access(callers: Callers, admin: Account, account: Account, **values: object) -> None:
    request = pb.UpdateUserRequest(user_id=account.id, **values)  # type: ignore[arg-type]
    callers.gateway.UpdateUser(request, metadata=admin.bearer)


def test_days_are_added_to_what_is_left(callers: Callers, person: Account, clock: Clock) -> None:
    apply(callers, person.id, FIRST, end_in(clock, 1129), end_in(clock, -1))

    given = add(callers, person, SECOND, 30, clock)

    assert (given.email, given.activation_status) == (person.email, "active")
    assert given.expired_time == me(callers, person).expired_time == end_in(clock, 1159)


def test_they_count_from_the_redemption_if_nothing_is_left(
    callers: Callers, person: Account, clock: Clock
) -> None:
    assert add(callers, person, FIRST, 1, clock, -5).expired_time == end_in(clock, -4)
    assert me(callers, person).activation_status == "expired"

    assert add(callers, person, SECOND, 30, clock).expired_time == end_in(clock, 30)
    assert me(callers, person).expired_time == end_in(clock, 30)


def test_access_that_an_admin_has_taken_away_is_nothing_left(
    callers: Callers, person: Account, admin: Account, clock: Clock
) -> None:
    set_access(callers, admin, person, activation_status="pending", expired_time=end_in(clock, 400))

    assert add(callers, person, FIRST, 30, clock).expired_time == end_in(clock, 30)


def test_a_repeat_gives_the_first_answer_and_adds_nothing(
    callers: Callers, person: Account, clock: Clock, database: Database
) -> None:
    first = add(callers, person, FIRST, 30, clock)
    add(callers, person, SECOND, 30, clock, 0.1)
    before = changes(database)

    assert add(callers, person, FIRST, 30, clock) == first
    assert add(callers, person, FIRST, 99, clock) == first
    assert me(callers, person).expired_time == end_in(clock, 60)
    assert changes(database) == before


def test_an_older_code_that_arrives_late_is_counted_before_it(
    callers: Callers, person: Account, clock: Clock
) -> None:
    """Its days would be destroyed if they were not."""
    added = add(callers, person, SECOND, 30, clock)
    apply(callers, person.id, FIRST, end_in(clock, 364), end_in(clock, -1))

    assert me(callers, person).expired_time == end_in(clock, 394)
    assert add(callers, person, SECOND, 30, clock) == added


def test_of_one_that_arrives_after_a_later_code_from_now_nothing_is_left(
    callers: Callers, person: Account, clock: Clock
) -> None:
    later = apply(callers, person.id, FIRST, end_in(clock, 90), end_in(clock, 1))

    assert add(callers, person, SECOND, 30, clock).expired_time == end_in(clock, 30)
    assert me(callers, person).expired_time == later.expired_time
    assert not clear(callers, SECOND)
    assert me(callers, person).expired_time == later.expired_time


def test_what_an_admin_has_set_is_extended_and_a_later_setting_is_kept(
    callers: Callers, person: Account, admin: Account, clock: Clock
) -> None:
    set_access(callers, admin, person, activation_status="active", expired_time=end_in(clock, 400))
    assert add(callers, person, FIRST, 30, clock).expired_time == end_in(clock, 430)
    clock.advance(seconds=1)
    set_access(callers, admin, person, expired_time=end_in(clock, 5))

    add(callers, person, SECOND, 7, clock, -0.5)
    assert me(callers, person).expired_time == end_in(clock, 5)
    # Nor does the deletion of a code from before take anything of it away.
    assert clear(callers, FIRST)
    assert me(callers, person).expired_time == end_in(clock, 5)


def test_access_without_an_end_stays_so(
    callers: Callers, person: Account, admin: Account, clock: Clock
) -> None:
    set_access(callers, admin, person, activation_status="active")

    for _ in range(2):
        given = add(callers, person, FIRST, 30, clock)
        assert not given.HasField("expired_time")
    seen = me(callers, person)
    assert seen.activation_status == "active"
    assert not seen.HasField("expired_time")
    assert clear(callers, FIRST)
    assert me(callers, person).activation_status == "active"


def test_an_end_near_the_end_of_the_calendar_is_not_passed(
    callers: Callers, person: Account, admin: Account, clock: Clock
) -> None:
    until = end_in(clock, 0)
    until.seconds = 253402300799
    set_access(callers, admin, person, activation_status="active", expired_time=until)

    add(callers, person, FIRST, 3650, clock)

    assert me(callers, person).activation_status == "active"


def test_a_deleted_code_takes_its_own_days_and_no_others(
    callers: Callers, person: Account, clock: Clock
) -> None:
    third = "0" * 32
    apply(callers, person.id, FIRST, end_in(clock, 364), end_in(clock, -1))
    add(callers, person, SECOND, 30, clock, -0.5)
    add(callers, person, third, 7, clock)

    assert clear(callers, SECOND)
    assert me(callers, person).expired_time == end_in(clock, 371)
    assert not clear(callers, SECOND)
    assert clear(callers, third)
    assert me(callers, person).expired_time == end_in(clock, 364)
    assert clear(callers, FIRST)
    seen = me(callers, person)
    assert (seen.activation_status, seen.HasField("expired_time")) == ("pending", False)


def test_a_deleted_code_cannot_hide_behind_one_that_added_days(
    callers: Callers, person: Account, clock: Clock
) -> None:
    apply(callers, person.id, FIRST, end_in(clock, 364), end_in(clock, -1))
    add(callers, person, SECOND, 1, clock)

    assert clear(callers, FIRST)

    assert me(callers, person).expired_time == end_in(clock, 1)


def test_the_only_code_that_is_deleted_leaves_the_account_pending(
    callers: Callers, person: Account, clock: Clock
) -> None:
    add(callers, person, FIRST, 30, clock)

    assert clear(callers, FIRST)

    seen = me(callers, person)
    assert (seen.activation_status, seen.HasField("expired_time")) == ("pending", False)


def test_codes_that_are_applied_concurrently_are_each_added_once(
    callers: Callers, person: Account, clock: Clock
) -> None:
    codes = [uuid.uuid4().hex for _ in range(10)]
    calls = codes * 3
    random.Random(1).shuffle(calls)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda code: (code, add(callers, person, code, 3, clock)), calls))

    assert me(callers, person).expired_time == end_in(clock, 30)
    for code, answer in answers:
        assert add(callers, person, code, 3, clock) == answer


@pytest.mark.parametrize("both", [True, False])
def test_a_code_has_either_an_end_or_days(
    callers: Callers, person: Account, clock: Clock, both: bool
) -> None:
    request = pb.ApplyActivationRequest(account_id=person.id, activation_code=FIRST)
    if both:
        request.added_days = 3
        request.expired_time.CopyFrom(end_in(clock, 3))

    expected = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert refusal(lambda: callers.activation.ApplyActivation(request)) == expected
