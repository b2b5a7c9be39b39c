"""Guesses of second factors are limited, over networks and password links, at every call that takes a code."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.postgres.database import Database
from tests.service.identity.conftest import Replica
from tests.service.identity.logins import EMAIL, from_address
from tests.service.identity.replicas import (
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    PASSWORD,
    Account,
    Callers,
    Clock,
    refusal,
    sign_in,
    sign_up,
)
from tests.service.identity.second_factors import HOME, KEY, enable, enrol, entries, login, reset_by_link


@pytest.fixture
def callers(start_replica: Callable[..., Replica], clock: Clock) -> Callers:
    # Codes of the same 30 seconds are used up, so tests move the time.
    clock.stop()
    return start_replica(totp_keys=KEY).callers


@pytest.fixture
def person(callers: Callers) -> Account:
    return sign_up(callers, EMAIL)


def test_wrong_codes_count_as_wrong_passwords(
    start_replica: Callable[..., Replica], clock: Clock, database: Database
) -> None:
    clock.stop()
    callers = start_replica(totp_keys=KEY, sign_in_limit_per_account=3).callers
    app, codes = enable(callers, sign_up(callers, EMAIL), clock)
    # Reaching for the code is no guess.
    for _ in range(5):
        assert login(callers) == "SECOND_FACTOR_NEEDED"
    assert login(callers, "wrong") == "WRONG_SECOND_FACTOR"
    assert login(callers, "wrong", password="wrong") == "WRONG_CREDENTIALS"
    assert login(callers, "000000") == "WRONG_SECOND_FACTOR"
    for right in (None, app.code(), codes[0]):
        assert login(callers, right) == "SIGN_IN_THROTTLED"
    assert entries(database).count(("sign_in", "WRONG_SECOND_FACTOR", "{}")) == 2
    clock.advance(minutes=16)
    assert login(callers, app.code()) is None


def test_a_flood_of_guesses_at_once_gets_no_more_than_the_limit(
    start_replica: Callable[..., Replica], clock: Clock, database: Database
) -> None:
    clock.stop()
    callers = start_replica(totp_keys=KEY, sign_in_limit_per_account=4).callers
    enable(callers, sign_up(callers, EMAIL), clock)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda number: login(callers, f"{number:06}"), range(24)))
    assert outcomes.count("WRONG_SECOND_FACTOR") == 4
    assert set(outcomes) == {"WRONG_SECOND_FACTOR", "SIGN_IN_THROTTLED"}
    assert len([one for one in entries(database) if one[1] == "WRONG_SECOND_FACTOR"]) == 4


def test_guesses_from_many_networks_share_the_limit_of_an_account(
    start_replica: Callable[..., Replica], clock: Clock
) -> None:
    clock.stop()
    callers = start_replica(totp_keys=KEY, sign_in_limit_per_account=3).callers
    app, _ = enable(callers, sign_up(callers, EMAIL), clock)
    assert login(callers, app.code()) is None
    clock.advance(seconds=30)
    outcomes = [login(callers, f"{number:06}", address=f"198.51.100.{number}") for number in range(6)]
    assert outcomes == ["WRONG_SECOND_FACTOR"] * 3 + ["SIGN_IN_THROTTLED"] * 3
    # The owner, at a known network, is not locked out.
    assert login(callers, app.code()) is None


def test_a_password_link_does_not_give_new_guesses(
    start_replica: Callable[..., Replica], clock: Clock
) -> None:
    clock.stop()
    replica = start_replica(totp_keys=KEY, sign_in_limit_per_account=3)
    callers = replica.callers
    made = replica.identity.administration.create(ADMIN_EMAIL, ADMIN_PASSWORD, "admin")
    admin = sign_in(callers, str(made.id), ADMIN_EMAIL, ADMIN_PASSWORD)
    person = sign_up(callers, EMAIL)
    app, _ = enable(callers, person, clock)
    assert login(callers, app.code()) is None
    clock.advance(seconds=30)
    for address in (HOME, "198.51.100.1"):
        for _ in range(3):
            assert login(callers, "wrong", address=address) == "WRONG_SECOND_FACTOR"
        reset_by_link(callers, admin, person, address)
        assert login(callers, app.code(), address=address) == "SIGN_IN_THROTTLED"
    clock.advance(minutes=16)
    assert login(callers, app.code()) is None


def test_guesses_at_disabling_count_as_those_at_signing_in(
    start_replica: Callable[..., Replica], clock: Clock
) -> None:
    clock.stop()
    callers = start_replica(totp_keys=KEY, sign_in_limit_per_account=3).callers
    person = sign_up(callers, EMAIL)
    app, _ = enable(callers, person, clock)
    for number in range(3):
        assert login(callers, "wrong", address=f"198.51.100.{number}") == "WRONG_SECOND_FACTOR"
    elsewhere = (*person.bearer, *from_address("198.51.100.9"))
    request = pb.DisableTotpRequest(password=PASSWORD, totp=app.code())
    throttled = (grpc.StatusCode.RESOURCE_EXHAUSTED, "SIGN_IN_THROTTLED")
    assert refusal(lambda: callers.gateway.DisableTotp(request, metadata=elsewhere)) == throttled


def test_asking_for_the_code_without_end_is_limited_as_signing_in_is(
    start_replica: Callable[..., Replica], clock: Clock
) -> None:
    clock.stop()
    callers = start_replica(totp_keys=KEY, sign_ins_per_account=5).callers
    enable(callers, sign_up(callers, EMAIL), clock)
    outcomes = [login(callers) for _ in range(7)]
    assert outcomes == ["SECOND_FACTOR_NEEDED"] * 5 + ["SIGN_IN_THROTTLED"] * 2


def test_enrolments_are_limited(start_replica: Callable[..., Replica], clock: Clock) -> None:
    callers = start_replica(totp_keys=KEY, sign_ins_per_account=3).callers
    person = sign_up(callers, EMAIL)
    for _ in range(3):
        enrol(callers, person, clock)
    throttled = (grpc.StatusCode.RESOURCE_EXHAUSTED, "SIGN_IN_THROTTLED")
    assert refusal(lambda: enrol(callers, person, clock)) == throttled
