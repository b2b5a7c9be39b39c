"""Activate: one code, one account; what it gives; whom it refuses and why."""

import datetime
from functools import partial

import grpc
import pytest
from sqlalchemy import select

from services.activation.tables import audit
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import UNKNOWN_CODE, Replica, at_once, refusal, refused
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, World
from tests.support.waiting import wait_until

ACCOUNT_REVOKED = (grpc.StatusCode.FAILED_PRECONDITION, "ACCOUNT_REVOKED")


def test_a_redeemed_code_and_its_account_agree_to_the_microsecond(
    replica: Replica, world: World, admin: Account, person: Account, clock: Clock
) -> None:
    clock.stop()
    code = replica.new_code(admin, valid_days=7)

    answer = replica.activate(person, code)

    until = clock.now() + datetime.timedelta(days=7)
    found = replica.get(admin, code)
    assert (answer.email, answer.activation_status) == (person.email, "active")
    assert answer.expired_time.ToDatetime(tzinfo=datetime.UTC) == until
    assert found.expiry_date == answer.expired_time
    assert found.activation_time.ToDatetime(tzinfo=datetime.UTC) == clock.now()
    assert (found.activation_status, found.user_email) == ("active", person.email)
    assert (person.activation_code, person.activation_status, person.expired_time) == (code, "active", until)


def test_upper_case_hex_digits_mean_the_same_code(replica: Replica, admin: Account, person: Account) -> None:
    code = replica.new_code(admin)

    assert replica.activate(person, code.upper()).activation_status == "active"


def test_blanks_marks_and_dashes_of_a_pasted_code_do_not_matter(
    replica: Replica, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    pasted = f"\ufeff {code[:8]}-{code[8:16]}\u2212{code[16:]}\u00a0\r\n"
    assert replica.activate(person, pasted).activation_status == "active"
    assert replica.get(admin, pasted).activation_code == code
    assert replica.get(admin, code).user_email == person.email


@pytest.mark.parametrize("code", ["", "abc", "g" * 32, "0" * 33, "0" * 31 + "\n", " " + "0" * 31, "０" * 32])
def test_what_is_no_code_is_bad_input(replica: Replica, person: Account, code: str) -> None:
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")

    assert refusal(lambda: replica.activate(person, code)) == expected


def test_an_unknown_code_is_not_found(replica: Replica, person: Account) -> None:
    expected = (grpc.StatusCode.NOT_FOUND, "CODE_NOT_FOUND")

    assert refusal(lambda: replica.activate(person, UNKNOWN_CODE)) == expected


def test_a_revoked_code_is_refused(replica: Replica, admin: Account, person: Account) -> None:
    code = replica.new_code(admin)
    replica.revoke(admin, code)

    expected = (grpc.StatusCode.FAILED_PRECONDITION, "CODE_REVOKED")
    assert refusal(lambda: replica.activate(person, code)) == expected
    assert person.activation_status == "pending"


def test_an_expired_code_is_refused_to_everybody(
    replica: Replica, world: World, admin: Account, person: Account, clock: Clock
) -> None:
    code = replica.new_code(admin, valid_days=1)
    replica.activate(person, code)
    clock.advance(days=1, seconds=1)

    expected = (grpc.StatusCode.FAILED_PRECONDITION, "CODE_EXPIRED")
    assert refusal(lambda: replica.activate(person, code)) == expected
    assert refusal(lambda: replica.activate(world.add(), code)) == expected


def test_an_unused_code_never_expires(
    replica: Replica, admin: Account, person: Account, clock: Clock
) -> None:
    code = replica.new_code(admin, valid_days=1)
    clock.advance(days=4000)

    assert replica.activate(person, code).activation_status == "active"


def test_a_code_of_another_account_is_refused(
    replica: Replica, world: World, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    replica.activate(person, code)

    expected = (grpc.StatusCode.FAILED_PRECONDITION, "CODE_ALREADY_USED")
    assert refusal(lambda: replica.activate(world.add(), code)) == expected


def test_a_repeat_by_the_same_account_gets_the_first_answer(
    replica: Replica, admin: Account, person: Account, clock: Clock
) -> None:
    code = replica.new_code(admin)
    first = replica.activate(person, code)
    clock.advance(hours=5)

    assert replica.activate(person, code) == first


def test_a_repeat_is_answered_even_after_the_code_was_revoked(
    replica: Replica, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    first = replica.activate(person, code)

    assert replica.revoke(admin, code).activation_status == "revoked"
    assert replica.activate(person, code) == first
    assert (person.activation_code, person.activation_status) == (code, "active")


def test_a_second_code_counts_from_now_and_the_first_ones_repeat_does_not_undo_it(
    replica: Replica, admin: Account, person: Account
) -> None:
    first, second = replica.new_code(admin, 10), replica.new_code(admin, 20)
    answer = replica.activate(person, first)
    later = replica.activate(person, second)

    assert replica.activate(person, first) == answer
    assert person.activation_code == second
    assert person.expired_time == later.expired_time.ToDatetime(tzinfo=datetime.UTC)


def test_a_revoked_account_redeems_nothing_and_the_code_stays_unused(
    replica: Replica, world: World, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    world.set_status(person, "revoked")

    wait_until(lambda: refusal(lambda: replica.activate(person, code)) == ACCOUNT_REVOKED)
    assert replica.get(admin, code).activation_status == "pending"
    world.set_status(person, "pending")
    wait_until(lambda: _activated(replica, person, code))


def test_a_revocation_that_races_with_the_redemption_gives_the_code_back(
    replica: Replica, world: World, admin: Account, person: Account, database: Database
) -> None:
    code = replica.new_code(admin)
    world.before_change = lambda _method: world.set_status(person, "revoked")

    assert refusal(lambda: replica.activate(person, code)) == ACCOUNT_REVOKED

    found = replica.get(admin, code)
    assert (found.activation_status, found.user_email) == ("pending", "")
    released = select(audit.log.c.outcome).where(
        audit.log.c.action == "code_released", audit.log.c.target == found.id
    )
    with database.reading() as connection:
        assert list(connection.scalars(released)) == ["ACCOUNT_REVOKED"]
    world.heal()
    assert replica.activate(world.add(), code).activation_status == "active"


def _activated(replica: Replica, account: Account, code: str) -> bool:
    try:
        return replica.activate(account, code).activation_status == "active"
    except grpc.RpcError:
        return False


def test_of_64_accounts_that_race_for_a_code_one_gets_it(
    replica: Replica, world: World, admin: Account
) -> None:
    code = replica.new_code(admin)
    racers = [world.add() for _ in range(64)]

    outcomes = at_once([partial(replica.activate, racer, code) for racer in racers])

    reasons = [refused(one) for one in outcomes if isinstance(one, grpc.RpcError)]
    assert reasons == [(grpc.StatusCode.FAILED_PRECONDITION, "CODE_ALREADY_USED")] * 63
    winners = [racer for racer in racers if racer.activation_status == "active"]
    assert [winner.email for winner in winners] == [replica.get(admin, code).user_email]


def test_one_account_that_races_with_itself_gets_one_answer(
    replica: Replica, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)

    outcomes = at_once([lambda: replica.activate(person, code)] * 16)

    assert outcomes == [outcomes[0]] * 16
