"""Codes whose days count from the end of what the account has left: Identity computes the end, once."""

import datetime

import grpc
import pytest

from services.chassis.postgres.database import Database
from tests.service.activation.replicas import Replica, refusal
from tests.service.activation.test_entitlements import (
    IDENTITY_UNAVAILABLE,
    agrees,
    claim_and_die,
    make_jobs_due,
    waiting_jobs,
)
from tests.service.scripted_identity import Account, RefusalError, World
from tests.support.waiting import wait_until


@pytest.fixture
def left(replica: Replica, admin: Account, person: Account) -> datetime.datetime:
    """The end of the access that the person has."""
    answer = replica.activate(person, replica.new_code(admin, 365))
    return answer.expired_time.ToDatetime(tzinfo=datetime.UTC)


def test_the_code_ends_when_the_account_does(
    replica: Replica, admin: Account, person: Account, left: datetime.datetime
) -> None:
    code = replica.new_code(admin, 30, days_from="expiry")

    answer = replica.activate(person, code)

    assert answer.expired_time.ToDatetime(tzinfo=datetime.UTC) == left + datetime.timedelta(days=30)
    assert agrees(replica, admin, person, code)
    assert replica.activate(person, code) == answer


def test_after_a_lost_answer_a_retry_gets_it_and_the_code_its_end(
    replica: Replica, world: World, admin: Account, person: Account, left: datetime.datetime
) -> None:
    code = replica.new_code(admin, 30, days_from="expiry")
    world.losing_answers = True
    assert refusal(lambda: replica.activate(person, code)) == IDENTITY_UNAVAILABLE
    world.heal()

    answer = replica.activate(person, code)

    assert answer.expired_time.ToDatetime(tzinfo=datetime.UTC) == left + datetime.timedelta(days=30)
    assert agrees(replica, admin, person, code)


@pytest.mark.usefixtures("left")
def test_after_a_death_the_job_settles_the_code(
    replica: Replica, admin: Account, person: Account, database: Database, database_url: str
) -> None:
    code = replica.new_code(admin, 30, days_from="expiry")
    claim_and_die(database, database_url, code, person)
    assert not agrees(replica, admin, person, code)

    make_jobs_due(database)

    wait_until(lambda: agrees(replica, admin, person, code))
    wait_until(lambda: waiting_jobs(database) == 0)


def test_an_identity_of_the_release_before_gives_no_wrong_days(
    replica: Replica,
    world: World,
    admin: Account,
    person: Account,
    database: Database,
    left: datetime.datetime,
) -> None:
    """It does not know added_days, and misses expired_time."""

    def refuse(_method: str) -> None:
        raise RefusalError("INVALID_ARGUMENT", grpc.StatusCode.INVALID_ARGUMENT)

    code = replica.new_code(admin, 30, days_from="expiry")
    world.before_change = refuse
    assert refusal(lambda: replica.activate(person, code)) == IDENTITY_UNAVAILABLE
    assert person.expired_time == left
    world.heal()

    make_jobs_due(database)

    wait_until(lambda: agrees(replica, admin, person, code))
    assert person.expired_time == left + datetime.timedelta(days=30)
