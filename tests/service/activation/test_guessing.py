"""Guessing codes: exactly the limit of wrong ones within the window, and right ones are never refused."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from sqlalchemy import func, select

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.tables import attempts
from services.chassis.errors import reason_of
from services.chassis.mutual_tls import TlsFiles
from services.chassis.postgres.database import Database
from tests.service.activation.replicas import UNKNOWN_CODE, Replica, at_once, running
from tests.service.clocks import CurrentClock
from tests.service.identity.replicas import Clock
from tests.service.scripted_identity import Account, RunningIdentity, World
from tests.support.waiting import wait_until

LIMIT = 10


@pytest.fixture
def home() -> str:
    """An address that no other test calls from."""
    return f"2001:db8:{secrets.randbelow(2**16):x}:{secrets.randbelow(2**16):x}::1"


@pytest.fixture
def start_replica(
    database_url: str,
    certificates: Mapping[str, TlsFiles],
    identity: RunningIdentity,
    current_clock: CurrentClock,
) -> Iterator[Callable[..., Replica]]:
    """Starts replicas over the one database; settings by keyword."""
    with ExitStack() as held:

        def start(**settings: object) -> Replica:
            replica = running(database_url, certificates, identity.address, current_clock, **settings)
            return held.enter_context(replica)

        yield start


def activate(replica: Replica, account: Account, code: str, address: str) -> str:
    """By way of the gateway; "active", or the reason of the refusal."""
    metadata = (*account.bearer, ("x-fastmp-client-address", address))
    try:
        return replica.stub.Activate(
            pb.ActivateRequest(activation_code=code), metadata=metadata
        ).activation_status
    except grpc.RpcError as error:
        return str(reason_of(error))


def wrong_code() -> str:
    return secrets.token_hex(16)


def use_up(replica: Replica, account: Account, address: str) -> None:
    for _ in range(LIMIT):
        assert activate(replica, account, wrong_code(), address) == "CODE_NOT_FOUND"


def outcomes(replicas: Sequence[Replica], guesses: Sequence[tuple[Account, str, str]]) -> Counter[object]:
    """What became of the guesses, all made at once, each at one of the replicas."""
    calls = [
        partial(activate, replicas[number % len(replicas)], *guess) for number, guess in enumerate(guesses)
    ]
    return Counter(at_once(calls))


def test_of_200_wrong_guesses_of_an_account_at_once_10_learn_that_they_are_wrong(
    replica: Replica, start_replica: Callable[..., Replica], person: Account
) -> None:
    guesses = [(person, wrong_code(), f"198.51.100.{number}") for number in range(200)]

    found = outcomes([replica, start_replica()], guesses)

    assert found == {"CODE_NOT_FOUND": LIMIT, "ACTIVATION_THROTTLED": 200 - LIMIT}


def test_of_150_wrong_guesses_of_many_accounts_from_one_network_100_learn_that_they_are_wrong(
    replica: Replica, start_replica: Callable[..., Replica], world: World
) -> None:
    accounts = [world.add() for _ in range(30)]
    guesses = [(accounts[number % 30], wrong_code(), f"2001:db8::{number:x}") for number in range(150)]

    found = outcomes([replica, start_replica()], guesses)

    assert found == {"CODE_NOT_FOUND": 100, "ACTIVATION_THROTTLED": 50}
    assert activate(replica, world.add(), wrong_code(), "2001:db8:0:1::1") == "CODE_NOT_FOUND"


def test_after_the_limit_a_right_code_gets_nothing_until_the_time_has_passed(
    replica: Replica, admin: Account, person: Account, clock: Clock, home: str
) -> None:
    code = replica.new_code(admin)
    use_up(replica, person, home)

    assert activate(replica, person, code, home) == "ACTIVATION_THROTTLED"
    assert (replica.get(admin, code).activation_status, person.activation_status) == ("pending", "pending")
    clock.advance(minutes=15, seconds=1)
    assert activate(replica, person, code, home) == "active"


def test_after_the_limit_nothing_is_told_of_any_code_but_of_ones_own(
    replica: Replica, world: World, admin: Account, person: Account, home: str
) -> None:
    own, used, revoked = (replica.new_code(admin) for _ in range(3))
    assert activate(replica, person, own, home) == "active"
    assert activate(replica, world.add(), used, home) == "active"
    replica.revoke(admin, revoked)
    use_up(replica, person, home)

    answers = [activate(replica, person, code, home) for code in (used, revoked, wrong_code())]
    assert answers == ["ACTIVATION_THROTTLED"] * 3
    assert activate(replica, person, own, home) == "active"


def test_somebody_else_elsewhere_is_not_affected(
    replica: Replica, world: World, admin: Account, person: Account, home: str
) -> None:
    use_up(replica, person, home)

    assert activate(replica, world.add(), replica.new_code(admin), home) == "active"


def test_a_full_address_refuses_right_codes_of_accounts_that_never_guessed(
    start_replica: Callable[..., Replica], world: World, admin: Account, person: Account, home: str
) -> None:
    replica = start_replica(activation_limit_per_address=3)
    code = replica.new_code(admin)
    for _ in range(3):
        assert activate(replica, world.add(), wrong_code(), home) == "CODE_NOT_FOUND"

    assert activate(replica, person, code, home) == "ACTIVATION_THROTTLED"
    assert activate(replica, person, code, "203.0.113.77") == "active"


def test_50_right_codes_and_50_repeats_at_once_all_succeed(
    replica: Replica, start_replica: Callable[..., Replica], admin: Account, person: Account, home: str
) -> None:
    both = [replica, start_replica(activation_limit_per_account=1, activation_limit_per_address=1)]
    codes = [code.activation_code for code in replica.generate(admin, 50)]

    for _ in ("first", "repeat"):
        assert outcomes(both, [(person, code, home) for code in codes]) == {"active": 50}


def test_what_is_no_code_or_no_longer_to_be_had_does_not_count(
    start_replica: Callable[..., Replica], world: World, admin: Account, person: Account, home: str
) -> None:
    replica = start_replica(activation_limit_per_account=1)
    used, revoked = replica.new_code(admin), replica.new_code(admin)
    replica.activate(world.add(), used)
    replica.revoke(admin, revoked)

    assert [activate(replica, person, code, home) for code in ("no code", used, revoked)] == [
        "INVALID_ARGUMENT",
        "CODE_ALREADY_USED",
        "CODE_REVOKED",
    ]
    assert activate(replica, person, replica.new_code(admin), home) == "active"


def test_the_refusal_says_when_to_come_back(
    replica: Replica, person: Account, clock: Clock, home: str
) -> None:
    clock.stop()
    use_up(replica, person, home)
    clock.advance(minutes=5)

    with pytest.raises(grpc.RpcError) as refused:
        replica.activate(person, UNKNOWN_CODE)

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert isinstance(refused.value, grpc.Call)
    status = rpc_status.from_call(refused.value)
    assert status is not None
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in status.details)
    assert retry.retry_delay.seconds == 600


def test_guesses_leave_nothing_behind_once_they_no_longer_count(
    replica: Replica,
    start_replica: Callable[..., Replica],
    database: Database,
    person: Account,
    clock: Clock,
    home: str,
) -> None:
    assert activate(replica, person, wrong_code(), home) == "CODE_NOT_FOUND"
    clock.advance(minutes=61)
    # Housekeeping is done at each start.
    start_replica()

    def is_empty() -> bool:
        with database.reading() as connection:
            return connection.execute(select(func.count()).select_from(attempts)).scalar_one() == 0

    wait_until(is_empty)
