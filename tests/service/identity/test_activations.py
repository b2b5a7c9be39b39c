"""Activation codes: applied once, repeated without effect, cleared permanently."""

import datetime
import random
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import func, select, update

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.postgres.database import Database
from services.identity.tables import account_activations, account_changes, accounts
from tests.service.identity.replicas import Account, Callers, Clock, refusal, sign_up

FIRST = "0123456789abcdef0123456789abcdef"
SECOND = "fedcba9876543210fedcba9876543210"
CLEARED = (grpc.StatusCode.FAILED_PRECONDITION, "ACTIVATION_CLEARED")
ELSEWHERE = (grpc.StatusCode.ALREADY_EXISTS, "ACTIVATION_APPLIED_ELSEWHERE")
NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "ACCOUNT_NOT_FOUND")


def end_in(clock: Clock, days: float) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(clock.now() + datetime.timedelta(days=days))
    return message


def apply(
    callers: Callers, account_id: str, code: str, end: Timestamp, redeemed: Timestamp | None = None
) -> pb.ApplyActivationResponse:
    request = pb.ApplyActivationRequest(
        account_id=account_id, activation_code=code, expired_time=end, redeemed_time=redeemed
    )
    return callers.activation.ApplyActivation(request)


def clear(callers: Callers, code: str) -> bool:
    return callers.activation.ClearActivation(pb.ClearActivationRequest(activation_code=code)).cleared


def me(callers: Callers, account: Account) -> pb.Account:
    return callers.gateway.GetMe(pb.GetMeRequest(), metadata=account.bearer)


def changes(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(account_changes)).scalar_one())


def test_a_code_gives_its_days(callers: Callers, person: Account, clock: Clock) -> None:
    end = end_in(clock, 30)
    answer = apply(callers, person.id, FIRST, end)
    assert (answer.email, answer.activation_status, answer.expired_time) == (person.email, "active", end)
    seen = me(callers, person)
    assert (seen.activation_status, seen.expired_time) == ("active", end)


def test_a_repeat_gives_the_first_answer_and_changes_nothing(
    callers: Callers, person: Account, clock: Clock, database: Database
) -> None:
    first = apply(callers, person.id, FIRST, end_in(clock, 30))
    before = changes(database)
    assert apply(callers, person.id, FIRST.upper(), end_in(clock, 60)) == first
    assert me(callers, person).expired_time == first.expired_time
    assert changes(database) == before


def test_a_late_repeat_does_not_undo_a_later_code(callers: Callers, person: Account, clock: Clock) -> None:
    first = apply(callers, person.id, FIRST, end_in(clock, 30))
    second = apply(callers, person.id, SECOND, end_in(clock, 90))
    assert apply(callers, person.id, FIRST, first.expired_time) == first
    assert me(callers, person).expired_time == second.expired_time


def test_an_older_code_that_arrives_late_changes_nothing_and_counts_as_done(
    callers: Callers, person: Account, clock: Clock, database: Database
) -> None:
    clock.stop()
    newer = apply(callers, person.id, SECOND, end_in(clock, 365), end_in(clock, 0))
    before = changes(database)

    older = apply(callers, person.id, FIRST, end_in(clock, 1), end_in(clock, -1))

    assert older.expired_time == end_in(clock, 1)
    assert apply(callers, person.id, FIRST, end_in(clock, 1), end_in(clock, -1)) == older
    assert me(callers, person).expired_time == newer.expired_time
    assert changes(database) == before
    assert not clear(callers, FIRST)
    assert me(callers, person).expired_time == newer.expired_time


def test_an_older_code_does_not_come_back_when_the_newer_one_is_taken_back(
    callers: Callers, person: Account, clock: Clock
) -> None:
    clock.stop()
    apply(callers, person.id, SECOND, end_in(clock, 365), end_in(clock, 0))
    assert clear(callers, SECOND)
    apply(callers, person.id, FIRST, end_in(clock, 30), end_in(clock, -1))
    assert me(callers, person).activation_status == "pending"


@pytest.mark.parametrize("first", [FIRST, SECOND])
def test_of_two_codes_redeemed_at_the_same_time_the_greater_one_wins(
    callers: Callers, person: Account, clock: Clock, first: str
) -> None:
    clock.stop()
    now = end_in(clock, 0)
    for code in sorted([FIRST, SECOND], reverse=first == SECOND):
        apply(callers, person.id, code, end_in(clock, 1 if code == FIRST else 2), now)
    assert me(callers, person).expired_time == end_in(clock, 2)


def test_what_was_applied_before_times_were_kept_counts_from_its_application(
    callers: Callers, person: Account, clock: Clock, database: Database
) -> None:
    clock.stop()
    carried = apply(callers, person.id, SECOND, end_in(clock, 365))
    with database.transaction() as connection:
        connection.execute(update(account_activations).values(redeemed_at=None))
        connection.execute(update(accounts).values(activation_set_at=None))

    apply(callers, person.id, FIRST, end_in(clock, 1), end_in(clock, -1))
    assert me(callers, person).expired_time == carried.expired_time
    apply(callers, person.id, "0" * 32, end_in(clock, 2), end_in(clock, 1))
    assert me(callers, person).expired_time == end_in(clock, 2)


def test_an_admins_later_change_is_not_undone_by_an_older_code(
    callers: Callers, person: Account, admin: Account, clock: Clock
) -> None:
    clock.stop()
    until = end_in(clock, 400)
    request = pb.UpdateUserRequest(user_id=person.id, activation_status="active", expired_time=until)
    callers.gateway.UpdateUser(request, metadata=admin.bearer)

    apply(callers, person.id, FIRST, end_in(clock, 1), end_in(clock, -1))
    assert me(callers, person).expired_time == until
    apply(callers, person.id, SECOND, end_in(clock, 2), end_in(clock, 1))
    assert me(callers, person).expired_time == end_in(clock, 2)


def test_a_revoked_account_is_refused_until_an_admin_sets_another_status(
    callers: Callers, person: Account, admin: Account, clock: Clock
) -> None:
    clock.stop()
    request = pb.UpdateUserRequest(user_id=person.id, activation_status="revoked")
    callers.gateway.UpdateUser(request, metadata=admin.bearer)
    later = end_in(clock, 1)

    refused = (grpc.StatusCode.FAILED_PRECONDITION, "ACCOUNT_REVOKED")
    assert refusal(lambda: apply(callers, person.id, FIRST, end_in(clock, 30), later)) == refused
    assert me(callers, person).activation_status == "revoked"
    request.activation_status = "pending"
    callers.gateway.UpdateUser(request, metadata=admin.bearer)
    assert apply(callers, person.id, FIRST, end_in(clock, 30), end_in(clock, 2)).activation_status == "active"


def test_deleting_the_code_of_a_revoked_account_does_not_let_it_back_in(
    callers: Callers, person: Account, admin: Account, clock: Clock
) -> None:
    apply(callers, person.id, FIRST, end_in(clock, 30))
    request = pb.UpdateUserRequest(user_id=person.id, activation_status="revoked")
    callers.gateway.UpdateUser(request, metadata=admin.bearer)

    assert clear(callers, FIRST)
    seen = me(callers, person)
    assert seen.activation_status == "revoked"
    assert not seen.HasField("expired_time")


def test_of_codes_applied_and_taken_back_at_once_the_last_one_wins(
    callers: Callers, person: Account, clock: Clock
) -> None:
    clock.stop()
    for turn in range(6):
        batch = [f"{turn:016x}{number:016x}" for number in range(6)]
        times = {code: end_in(clock, 6 * turn + number) for number, code in enumerate(batch)}
        calls = batch * 2
        random.Random(turn).shuffle(calls)
        with ThreadPoolExecutor(8) as pool:
            given = [pool.submit(apply, callers, person.id, code, times[code], times[code]) for code in calls]
            taken = pool.submit(clear, callers, batch[0])
            for one, code in zip(given, calls, strict=True):
                if code != batch[0]:
                    assert one.result().expired_time == times[code]
            taken.result()
        assert me(callers, person).expired_time == times[batch[-1]]


def test_a_code_belongs_to_one_account(
    callers: Callers, person: Account, admin: Account, clock: Clock
) -> None:
    end = end_in(clock, 30)
    apply(callers, person.id, FIRST, end)
    assert refusal(lambda: apply(callers, admin.id, FIRST, end)) == ELSEWHERE
    assert me(callers, admin).activation_status == "pending"


def test_of_many_accounts_that_apply_one_code_at_once_one_gets_it(callers: Callers, clock: Clock) -> None:
    racers = [sign_up(callers, f"racer{number}@example.com") for number in range(6)]
    end = end_in(clock, 30)

    def race(account: Account) -> str | None:
        try:
            return apply(callers, account.id, FIRST, end).email
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.ALREADY_EXISTS  # noqa: PT017 - Only one loses differently.
            return None

    with ThreadPoolExecutor(len(racers) * 3) as pool:
        winners = {email for email in pool.map(race, racers * 3) if email}
    assert len(winners) == 1
    active = {racer.email for racer in racers if me(callers, racer).activation_status == "active"}
    assert active == winners


def test_a_code_that_is_taken_back_leaves_the_account_pending(
    callers: Callers, person: Account, clock: Clock
) -> None:
    end = end_in(clock, 30)
    apply(callers, person.id, FIRST, end)
    assert clear(callers, FIRST.upper())
    seen = me(callers, person)
    assert seen.activation_status == "pending"
    assert not seen.HasField("expired_time")
    assert not clear(callers, FIRST)
    assert refusal(lambda: apply(callers, person.id, FIRST, end)) == CLEARED


def test_taking_an_earlier_code_back_leaves_the_later_ones_days(
    callers: Callers, person: Account, clock: Clock
) -> None:
    apply(callers, person.id, FIRST, end_in(clock, 30))
    second = apply(callers, person.id, SECOND, end_in(clock, 90))
    assert not clear(callers, FIRST)
    assert me(callers, person).expired_time == second.expired_time


def test_a_code_that_was_taken_back_before_it_arrived_is_never_applied(
    callers: Callers, person: Account, clock: Clock
) -> None:
    assert not clear(callers, FIRST)
    assert refusal(lambda: apply(callers, person.id, FIRST, end_in(clock, 30))) == CLEARED
    assert me(callers, person).activation_status == "pending"


def test_applying_and_taking_back_at_once_ends_pending(
    callers: Callers, person: Account, clock: Clock
) -> None:
    end = end_in(clock, 30)
    for number in range(20):
        code = f"{number:032x}"
        with ThreadPoolExecutor(2) as pool:
            applying = pool.submit(apply, callers, person.id, code, end)
            clearing = pool.submit(clear, callers, code)
            assert clearing.result() == (applying.exception() is None)
        assert me(callers, person).activation_status == "pending"


def test_a_deleted_account_gets_nothing_and_no_code_of_it_is_kept(
    callers: Callers, person: Account, admin: Account, clock: Clock, database: Database
) -> None:
    end = end_in(clock, 30)
    apply(callers, person.id, FIRST, end)
    callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=person.id), metadata=admin.bearer)
    assert refusal(lambda: apply(callers, person.id, FIRST, end)) == NOT_FOUND
    with database.reading() as connection:
        assert connection.execute(select(account_activations)).all() == []
    assert not clear(callers, FIRST)
    assert refusal(lambda: apply(callers, admin.id, FIRST, end)) == CLEARED


def test_a_code_refused_for_an_unknown_account_is_still_free(
    callers: Callers, person: Account, clock: Clock
) -> None:
    end = end_in(clock, 30)
    assert refusal(lambda: apply(callers, str(uuid.uuid4()), FIRST, end)) == NOT_FOUND
    assert apply(callers, person.id, FIRST, end).email == person.email


@pytest.mark.parametrize(
    "code", ["", "0" * 31, "0" * 33, "g" * 32, "0" * 31 + "\n", "0" * 31 + "\0", "０" * 32]
)
def test_what_is_no_code_is_bad_input(callers: Callers, person: Account, clock: Clock, code: str) -> None:
    end = end_in(clock, 30)
    for call in (lambda: apply(callers, person.id, code, end), lambda: clear(callers, code)):
        assert refusal(call)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_an_activation_without_an_end_is_bad_input(callers: Callers, person: Account) -> None:
    request = pb.ApplyActivationRequest(account_id=person.id, activation_code=FIRST)
    assert refusal(lambda: callers.activation.ApplyActivation(request))[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("peer", ["gateway", "wechat_cookie", "ops", "identity"])
def test_only_activation_applies_codes(callers: Callers, person: Account, clock: Clock, peer: str) -> None:
    request = pb.ApplyActivationRequest(
        account_id=person.id, activation_code=FIRST, expired_time=end_in(clock, 30)
    )
    refused = refusal(lambda: callers[peer].ApplyActivation(request))
    assert refused == (grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")
