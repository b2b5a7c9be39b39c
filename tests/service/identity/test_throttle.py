"""The limits on guessing passwords and making accounts: exact in parallel, and fair to owners."""

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from sqlalchemy import func, insert, select

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import reason_of
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import bucket_key
from services.identity.passwords.workers import HashingProcesses
from services.identity.tables import attempts
from tests.service.identity.conftest import Replica
from tests.service.identity.logins import EMAIL, from_address, login
from tests.service.identity.replicas import PASSWORD, Account, Callers, Clock, eventually, sign_up

HOME = "203.0.113.7"
ELSEWHERE = "198.51.100.9"
LIMIT = 3


@pytest.fixture
def limited(start_replica: Callable[..., Replica]) -> Callers:
    """Callers of a replica with a low limit by account; the account EMAIL was signed in to from nowhere yet."""
    callers = start_replica(sign_in_limit_per_account=LIMIT).callers
    callers.gateway.Register(pb.RegisterRequest(email=EMAIL, password=PASSWORD))
    return callers


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were really hashed and compared, in the order in which that began."""
    passwords: list[str] = []

    verify = HashingProcesses.verify

    def counting(processes: HashingProcesses, password: str, stored: str) -> bool:
        passwords.append(password)
        return verify(processes, password, stored)

    monkeypatch.setattr(HashingProcesses, "verify", counting)
    return passwords


@pytest.mark.real_hashing
def test_of_200_wrong_guesses_at_once_only_as_many_as_the_limit_reach_the_hash(
    start_replica: Callable[..., Replica], database: Database, compared: list[str]
) -> None:
    limit = {"sign_in_limit_unknown_networks": 10}
    both = [start_replica(**limit).callers, start_replica(**limit).callers]
    sign_up(both[0], EMAIL)
    compared.clear()
    guesses = [(both[number % 2], f"198.51.100.{number}", f"guess {number}") for number in range(200)]
    with ThreadPoolExecutor(len(guesses)) as pool:
        outcomes = Counter(pool.map(lambda guess: login(*guess), guesses))
    assert outcomes == {"WRONG_CREDENTIALS": 10, "SIGN_IN_THROTTLED": 190}
    assert len(compared) == 10
    with database.reading() as connection:
        assert connection.execute(select(func.count()).where(attempts.c.is_open)).scalar_one() == 0


def test_of_100_wrong_guesses_at_once_from_one_network_only_as_many_as_the_pair_may_reach_the_hash(
    start_replica: Callable[..., Replica], compared: list[str]
) -> None:
    many = {"hashing_queue_per_network": 100}
    both = [start_replica(**many).callers, start_replica(**many).callers]
    sign_up(both[0], EMAIL)
    compared.clear()
    with ThreadPoolExecutor(100) as pool:
        outcomes = Counter(pool.map(lambda number: login(both[number % 2], ELSEWHERE, "wrong"), range(100)))
    assert outcomes == {"WRONG_CREDENTIALS": 10, "SIGN_IN_THROTTLED": 90}
    assert len(compared) == 10


def test_50_right_sign_ins_at_once_all_succeed(start_replica: Callable[..., Replica]) -> None:
    limited = start_replica(sign_in_limit_per_account=LIMIT, hashing_queue_per_network=50).callers
    limited.gateway.Register(pb.RegisterRequest(email=EMAIL, password=PASSWORD))
    with ThreadPoolExecutor(50) as pool:
        outcomes = Counter(pool.map(lambda _: login(limited, HOME, PASSWORD), range(50)))
    assert outcomes == {None: 50}


def refused_for(call: Callable[[], object]) -> int:
    """For how many seconds the call, which must fail as throttled, is to wait."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert isinstance(refused.value, grpc.Call)
    # What the gateway makes a header of.
    [header] = [value for key, value in refused.value.trailing_metadata() if key == "retry-after"]
    status = rpc_status.from_call(refused.value)
    assert status is not None
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in status.details)
    assert header == str(retry.retry_delay.seconds)
    return int(header)


def test_an_account_is_full_at_a_network_and_refuses_the_right_password_and_says_when_to_come_back(
    limited: Callers, clock: Clock
) -> None:
    for _ in range(LIMIT):
        assert login(limited, ELSEWHERE, "wrong") == "WRONG_CREDENTIALS"
    right = pb.LoginRequest(email=EMAIL, password=PASSWORD)
    seconds = refused_for(lambda: limited.gateway.Login(right, metadata=from_address(ELSEWHERE)))
    assert 0 < seconds <= 900
    clock.advance(seconds=seconds + 1)
    assert login(limited, ELSEWHERE, PASSWORD) is None


def test_guesses_from_one_network_keep_the_owner_out_of_no_other(limited: Callers) -> None:
    for _ in range(LIMIT):
        assert login(limited, ELSEWHERE, "wrong") == "WRONG_CREDENTIALS"
    assert login(limited, ELSEWHERE, PASSWORD) == "SIGN_IN_THROTTLED"
    # The account was never signed in to; this network is as new to it as the other one.
    assert login(limited, HOME, PASSWORD) is None
    # And there, too, only so many guesses are free.
    for _ in range(LIMIT):
        assert login(limited, HOME, "wrong") == "WRONG_CREDENTIALS"
    assert login(limited, HOME, PASSWORD) == "SIGN_IN_THROTTLED"


def test_guesses_from_many_networks_keep_the_owner_out_of_new_networks_only(
    start_replica: Callable[..., Replica], clock: Clock
) -> None:
    callers = start_replica(sign_in_limit_unknown_networks=LIMIT).callers
    registering = pb.RegisterRequest(email=EMAIL, password=PASSWORD)
    callers.gateway.Register(registering, metadata=from_address(HOME))
    for number in range(LIMIT):
        assert login(callers, f"198.51.100.{number}", "wrong") == "WRONG_CREDENTIALS"
    assert login(callers, ELSEWHERE, PASSWORD) == "SIGN_IN_THROTTLED"
    assert login(callers, HOME, PASSWORD) is None
    clock.advance(minutes=16)
    assert login(callers, ELSEWHERE, PASSWORD) is None
    for number in range(LIMIT):
        assert login(callers, f"198.51.100.{number}", "wrong") == "WRONG_CREDENTIALS"
    assert login(callers, ELSEWHERE, PASSWORD) is None


def test_others_wrong_guesses_keep_no_owner_out_of_a_shared_known_network(
    start_replica: Callable[..., Replica],
) -> None:
    callers = start_replica(sign_in_limit_per_address=LIMIT).callers
    callers.gateway.Register(pb.RegisterRequest(email=EMAIL, password=PASSWORD), metadata=from_address(HOME))
    for number in range(LIMIT):
        assert login(callers, HOME, "wrong", f"u{number}@example.com") == "WRONG_CREDENTIALS"
    assert login(callers, HOME, "wrong", "u9@example.com") == "SIGN_IN_THROTTLED"
    assert login(callers, HOME, PASSWORD) is None


def test_right_passwords_have_a_rate_by_account_and_network_that_costs_no_hash(
    start_replica: Callable[..., Replica], compared: list[str], clock: Clock
) -> None:
    callers = start_replica(sign_ins_per_account=LIMIT).callers
    for email in (EMAIL, "other@example.com"):
        callers.gateway.Register(pb.RegisterRequest(email=email, password=PASSWORD))
    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(lambda _: login(callers, HOME, PASSWORD), range(8)))
    assert outcomes == {None: LIMIT, "SIGN_IN_THROTTLED": 8 - LIMIT}
    assert len(compared) == LIMIT
    request = pb.LoginRequest(email=EMAIL, password=PASSWORD)
    seconds = refused_for(lambda: callers.gateway.Login(request, metadata=from_address(HOME)))
    assert len(compared) == LIMIT
    assert login(callers, ELSEWHERE, PASSWORD) is None
    assert login(callers, HOME, PASSWORD, "other@example.com") is None
    clock.advance(seconds=seconds + 1)
    assert login(callers, HOME, PASSWORD) is None


def test_an_unknown_email_is_throttled_as_an_account_is(limited: Callers) -> None:
    for spelling in ("nobody@example.com", "Nobody@example.com", "NOBODY@EXAMPLE.COM"):
        assert login(limited, HOME, "wrong", spelling) == "WRONG_CREDENTIALS"
    assert login(limited, HOME, "wrong", "nobody@example.com") == "SIGN_IN_THROTTLED"
    assert login(limited, HOME, PASSWORD) is None


def test_an_address_has_its_own_limit_over_all_accounts(start_replica: Callable[..., Replica]) -> None:
    callers = start_replica(sign_in_limit_per_address=LIMIT).callers
    sign_up(callers, EMAIL)
    for number in range(LIMIT):
        neighbour = f"2001:db8:0:1::{number}"
        assert login(callers, neighbour, "wrong", f"u{number}@example.com") == "WRONG_CREDENTIALS"
    assert login(callers, "2001:db8:0:1:ffff::", PASSWORD) == "SIGN_IN_THROTTLED"
    assert login(callers, "2001:db8:0:2::", PASSWORD) is None


def test_an_address_is_believed_only_from_the_gateway(start_replica: Callable[..., Replica]) -> None:
    callers = start_replica(sign_in_limit_per_address=LIMIT).callers
    sign_up(callers, EMAIL)
    for number in range(LIMIT):
        assert login(callers, f"198.51.100.{number}", "wrong", f"u{number}@example.com", "ops") is not None
    assert login(callers, "198.51.100.77", PASSWORD, peer="ops") == "SIGN_IN_THROTTLED"
    assert login(callers, "198.51.100.1", PASSWORD) is None


def test_changing_the_password_is_guessing_too(limited: Callers) -> None:
    answer = limited.gateway.Login(pb.LoginRequest(email=EMAIL, password=PASSWORD))
    person = Account("", EMAIL, answer.access_token)
    request = pb.ChangePasswordRequest(old_password="wrong", new_password="a new one")
    reasons = []
    for _ in range(LIMIT + 1):
        with pytest.raises(grpc.RpcError) as refused:
            limited.gateway.ChangePassword(request, metadata=person.bearer)
        reasons.append(reason_of(refused.value))
    assert reasons == ["WRONG_CREDENTIALS"] * LIMIT + ["SIGN_IN_THROTTLED"]


def test_an_attempt_whose_process_died_counts(limited: Callers, database: Database, clock: Clock) -> None:
    rows = [
        {
            "attempt_id": uuid.uuid4(),
            "bucket": bucket_key("account at network", EMAIL, HOME),
            "started_at": clock.now(),
            "is_open": True,
        }
        for _ in range(LIMIT)
    ]
    with database.transaction() as connection:
        connection.execute(insert(attempts), rows)
    clock.advance(seconds=61)
    assert login(limited, HOME, PASSWORD) == "SIGN_IN_THROTTLED"
    clock.advance(minutes=15)
    assert login(limited, HOME, PASSWORD) is None


def test_accounts_are_made_only_so_often_from_one_address(
    start_replica: Callable[..., Replica], clock: Clock
) -> None:
    callers = start_replica(registration_limit_per_address=LIMIT).callers

    def register(number: int, address: str = HOME) -> str | None:
        request = pb.RegisterRequest(email=f"u{number}@example.com", password=PASSWORD)
        try:
            callers.gateway.Register(request, metadata=from_address(address))
        except grpc.RpcError as error:
            return reason_of(error)
        return None

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(register, range(8)))
    assert outcomes == {None: LIMIT, "REGISTRATION_THROTTLED": 8 - LIMIT}
    again = pb.RegisterRequest(email="late@example.com", password=PASSWORD)
    assert 0 < refused_for(lambda: callers.gateway.Register(again, metadata=from_address(HOME))) <= 3600
    assert register(100, ELSEWHERE) is None
    clock.advance(minutes=61)
    assert register(101) is None


def test_attempts_leave_nothing_behind_once_they_no_longer_count(
    limited: Callers, database: Database, clock: Clock, start_replica: Callable[..., Replica]
) -> None:
    assert login(limited, HOME, "wrong") == "WRONG_CREDENTIALS"
    clock.advance(minutes=61)
    # Housekeeping is done at each start.
    start_replica()

    def is_empty() -> bool:
        with database.reading() as connection:
            return bool(connection.execute(select(func.count()).select_from(attempts)).scalar_one() == 0)

    eventually(is_empty)
