"""What follows at Identity from a claim or a deletion happens exactly once, whatever fails on the way."""

import datetime
from functools import partial

import grpc
import pytest
from sqlalchemy import text

from services.chassis.identity.principals import Principal
from services.chassis.postgres.database import Database
from tests.service.activation.bare_redemption import bare_redemption
from tests.service.activation.replicas import Replica, at_once, refusal
from tests.service.scripted_identity import Account, RunningIdentity, World
from tests.support.waiting import wait_until

IDENTITY_UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "IDENTITY_UNAVAILABLE")


def waiting_jobs(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one())


def retried_jobs(database: Database) -> int:
    with database.reading() as connection:
        tried = text("SELECT count(*) FROM procrastinate_jobs WHERE attempts > 0 AND status = 'todo'")
        return int(connection.execute(tried).scalar_one())


def make_jobs_due(database: Database) -> None:
    """Spares the test the delay that leaves the call at once its time."""
    with database.transaction() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"))
        wake = text(
            """SELECT pg_notify('procrastinate_any_queue_v1', '{"type": "job_inserted", "job_id": 0}')"""
        )
        connection.execute(wake)


def claim_and_die(database: Database, database_url: str, code: str, account: Account) -> None:
    """What is left of an Activate whose process was killed after its commit, before it called Identity."""
    redemption = bare_redemption(database, database_url, lambda: datetime.datetime.now(datetime.UTC))
    principal = Principal(str(account.id), account.email, "user", "pending")
    redemption.claim(code, principal, "192.0.2.1")


def agrees(replica: Replica, admin: Account, account: Account, code: str) -> bool:
    """Whether the code is the account's, and both know the same end."""
    found = replica.get(admin, code)
    until = found.expiry_date.ToDatetime(tzinfo=datetime.UTC)
    bound = (found.activation_status, found.user_email) == ("active", account.email)
    theirs = (account.activation_code, account.activation_status, account.expired_time)
    return bound and theirs == (code, "active", until)


def test_a_call_that_succeeded_at_once_leaves_no_job_and_is_not_repeated(
    replica: Replica, world: World, admin: Account, person: Account, database: Database
) -> None:
    code = replica.new_code(admin)
    replica.activate(person, code)

    wait_until(lambda: waiting_jobs(database) == 0)
    assert world.applications(code) == 1


def test_after_a_lost_answer_a_retry_gets_the_first_answer(
    replica: Replica, world: World, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    world.losing_answers = True
    assert refusal(lambda: replica.activate(person, code)) == IDENTITY_UNAVAILABLE
    applied_until = person.expired_time
    world.heal()

    answer = replica.activate(person, code)

    assert answer.expired_time.ToDatetime(tzinfo=datetime.UTC) == applied_until
    assert agrees(replica, admin, person, code)


def test_after_a_lost_answer_nobody_has_to_retry(
    replica: Replica, world: World, admin: Account, person: Account, database: Database
) -> None:
    code = replica.new_code(admin)
    world.losing_answers = True
    assert refusal(lambda: replica.activate(person, code)) == IDENTITY_UNAVAILABLE
    world.heal()
    make_jobs_due(database)

    wait_until(lambda: waiting_jobs(database) == 0)
    assert agrees(replica, admin, person, code)


def test_a_claim_made_while_identity_is_down_is_applied_when_it_is_up(
    replica: Replica,
    world: World,
    admin: Account,
    person: Account,
    identity: RunningIdentity,
    database: Database,
) -> None:
    code = replica.new_code(admin)
    world.refusing_changes = True
    assert refusal(lambda: replica.activate(person, code)) == IDENTITY_UNAVAILABLE
    identity.down()
    make_jobs_due(database)
    wait_until(lambda: retried_jobs(database) == 1)
    assert person.activation_status == "pending"

    world.heal()
    identity.up()
    make_jobs_due(database)

    wait_until(lambda: person.activation_code == code)
    wait_until(lambda: waiting_jobs(database) == 0)
    assert agrees(replica, admin, person, code)


def test_a_claim_whose_process_died_is_applied_by_the_job(
    replica: Replica, admin: Account, person: Account, database: Database, database_url: str
) -> None:
    code = replica.new_code(admin)
    claim_and_die(database, database_url, code, person)
    assert person.activation_status == "pending"

    make_jobs_due(database)

    wait_until(lambda: person.activation_code == code)
    assert agrees(replica, admin, person, code)


def test_a_claim_whose_process_died_is_finished_by_a_retry_of_its_account_only(
    replica: Replica, world: World, admin: Account, person: Account, database: Database, database_url: str
) -> None:
    code = replica.new_code(admin)
    claim_and_die(database, database_url, code, person)

    used = (grpc.StatusCode.FAILED_PRECONDITION, "CODE_ALREADY_USED")
    assert refusal(lambda: replica.activate(world.add(), code)) == used
    assert replica.activate(person, code).activation_status == "active"
    assert agrees(replica, admin, person, code)


def test_the_code_of_an_account_that_is_deleted_meanwhile_goes_with_it(
    replica: Replica, world: World, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    # Identity may delete an account at the very moment in which it redeems a code.
    world.before_change = lambda _method: world.forget(person.id)

    assert refusal(lambda: replica.activate(person, code)) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "TOKEN_REVOKED",
    )
    assert refusal(lambda: replica.get(admin, code)) == (grpc.StatusCode.NOT_FOUND, "CODE_NOT_FOUND")


def test_the_job_too_ends_when_the_account_is_gone(
    replica: Replica, world: World, admin: Account, person: Account, database: Database, database_url: str
) -> None:
    code = replica.new_code(admin)
    claim_and_die(database, database_url, code, person)
    del world.accounts[person.id]
    make_jobs_due(database)

    wait_until(lambda: waiting_jobs(database) == 0)
    assert refusal(lambda: replica.get(admin, code)) == (grpc.StatusCode.NOT_FOUND, "CODE_NOT_FOUND")


def test_the_job_gives_the_code_of_an_account_back_that_was_revoked_meanwhile(
    replica: Replica, world: World, admin: Account, person: Account, database: Database, database_url: str
) -> None:
    code = replica.new_code(admin)
    claim_and_die(database, database_url, code, person)
    world.set_status(person, "revoked")
    make_jobs_due(database)

    wait_until(lambda: waiting_jobs(database) == 0)
    assert replica.get(admin, code).activation_status == "pending"


def test_a_code_that_is_given_back_after_its_batch_was_revoked_is_revoked(
    replica: Replica, world: World, admin: Account, person: Account
) -> None:
    made = replica.batch(admin, 2)
    claimed, again = (one.activation_code for one in made.codes)
    refused = (grpc.StatusCode.FAILED_PRECONDITION, "ACCOUNT_REVOKED")

    def revoke_both(_method: str) -> None:
        world.set_status(person, "revoked")
        replica.revoke_batch(admin, made.batch_id)

    world.before_change = revoke_both
    assert refusal(lambda: replica.activate(person, claimed)) == refused
    assert replica.get(admin, claimed).activation_status == "revoked"

    # One that an admin makes redeemable again after the revocation, and that is given back, stays so.
    other = world.add()
    replica.update(admin, again, status="pending")
    world.before_change = lambda _method: world.set_status(other, "revoked")
    assert refusal(lambda: replica.activate(other, again)) == refused
    assert world.applications(again) == 1
    assert replica.get(admin, again).activation_status == "pending"


def test_a_code_that_identity_knows_to_be_deleted_is_deleted(
    replica: Replica, world: World, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    world.clear(code)

    gone = (grpc.StatusCode.NOT_FOUND, "CODE_NOT_FOUND")
    assert refusal(lambda: replica.activate(person, code)) == gone
    assert refusal(lambda: replica.get(admin, code)) == gone
    assert person.activation_status == "pending"


def test_a_code_that_identity_gave_to_another_account_is_given_up(
    replica: Replica, world: World, admin: Account, person: Account
) -> None:
    code = replica.new_code(admin)
    world.apply(world.add().id, code, datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))

    used = (grpc.StatusCode.FAILED_PRECONDITION, "CODE_ALREADY_USED")
    assert refusal(lambda: replica.activate(person, code)) == used
    found = replica.get(admin, code)
    assert (found.activation_status, found.user_email) == ("revoked", "")
    assert person.activation_status == "pending"


@pytest.mark.parametrize("fault", ["losing_answers", "refusing_changes"])
def test_a_deletion_that_identity_did_not_confirm_is_carried_over_by_the_job(
    replica: Replica, world: World, admin: Account, person: Account, database: Database, fault: str
) -> None:
    code = replica.new_code(admin)
    replica.activate(person, code)
    setattr(world, fault, True)

    assert replica.delete(admin, code).status == "ok"
    assert refusal(lambda: replica.get(admin, code)) == (grpc.StatusCode.NOT_FOUND, "CODE_NOT_FOUND")
    assert waiting_jobs(database) > 0
    world.heal()
    make_jobs_due(database)

    wait_until(lambda: waiting_jobs(database) == 0)
    assert (person.activation_code, person.activation_status, person.expired_time) == (None, "pending", None)


def test_a_deletion_that_succeeded_at_once_leaves_no_job(
    replica: Replica, world: World, admin: Account, database: Database
) -> None:
    code = replica.new_code(admin)
    replica.delete(admin, code)

    wait_until(lambda: waiting_jobs(database) == 0)
    assert world.calls.count(("clear", code)) == 1


def test_deleting_and_redeeming_at_once_ends_with_neither_code_nor_days(
    replica: Replica, world: World, admin: Account, database: Database
) -> None:
    codes = [code.activation_code for code in replica.generate(admin, 24)]
    people = [world.add() for _ in codes]
    pairs = list(zip(people, codes, strict=True))
    redeeming = [partial(replica.activate, person, code) for person, code in pairs]
    deleting = [partial(replica.delete, admin, code) for code in codes]

    outcomes = at_once([*redeeming, *deleting])

    assert not [one for one in outcomes[len(pairs) :] if isinstance(one, grpc.RpcError)]
    make_jobs_due(database)
    wait_until(lambda: waiting_jobs(database) == 0)
    assert {person.activation_status for person in people} == {"pending"}
    left = {refusal(partial(replica.get, admin, code)) for code in codes}
    assert left == {(grpc.StatusCode.NOT_FOUND, "CODE_NOT_FOUND")}


def test_revoking_and_redeeming_at_once_ends_with_both_agreeing(
    replica: Replica, world: World, admin: Account
) -> None:
    codes = [code.activation_code for code in replica.generate(admin, 24)]
    people = [world.add() for _ in codes]
    pairs = list(zip(people, codes, strict=True))

    at_once(
        [partial(replica.activate, person, code) for person, code in pairs]
        + [partial(replica.revoke, admin, code) for code in codes]
    )

    for person, code in pairs:
        found = replica.get(admin, code)
        assert found.activation_status == "revoked"
        assert found.HasField("user_email") == (person.activation_status == "active")


def test_the_arguments_of_jobs_hold_no_code_that_can_still_be_redeemed(
    replica: Replica, admin: Account, person: Account, database: Database, database_url: str
) -> None:
    code = replica.new_code(admin)
    claim_and_die(database, database_url, code, person)

    with database.reading() as connection:
        arguments = connection.execute(text("SELECT args FROM procrastinate_jobs")).scalars().all()
    assert {"code_id": replica.get(admin, code).id} in arguments
    assert code not in str(arguments)
