"""Neither the answer nor the time it takes tells which accounts there are.

Times are compared as distributions: by their medians, and by how often one of the one kind is above one of the
other, which is half of the time for two that are alike. The kinds take turns, so that what else the machine does
falls on all of them. Those that look different are measured again, and judged with all samples together: chance
evens out, a real difference stays. The test is skipped when the machine is too busy to tell.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product

import grpc
import pyotp
import pytest
from cryptography.fernet import Fernet

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.errors import reason_of
from tests.service.identity.conftest import Replica
from tests.service.identity.logins import EMAIL
from tests.service.identity.replicas import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, Callers, sign_in, sign_up

REVOKED = "revoked@example.com"
WITH_SECOND_FACTOR = "second@example.com"
NOBODY = "nobody@example.com"
pytestmark = pytest.mark.real_hashing
# What two equal distributions of 20 exceed once in ten thousand times; a skipped hash gives 0.5.
RANK_TOLERANCE = 0.36
MEDIAN_TOLERANCE = 1.5
MOST_TRIES = 3
# On a quiet machine the median is a tenth above the minimum.
BUSY = 2.5

# Code, reason and message.
Answer = tuple[grpc.StatusCode, str | None, str | None]


def answer(callers: Callers, email: str, password: str) -> Answer:
    try:
        callers.gateway.Login(pb.LoginRequest(email=email, password=password))
    except grpc.RpcError as error:
        return error.code(), reason_of(error), error.details()
    raise AssertionError("the guess was right")


def take_turns(
    callers: Callers, kinds: Mapping[str, tuple[str, str]], rounds: int
) -> tuple[set[Answer], dict[str, list[float]]]:
    """All answers that there were, and the seconds that those of each kind of (e-mail, password) took."""
    answers: set[Answer] = set()
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, guess in kinds.items():
            start = time.perf_counter()
            answers.add(answer(callers, *guess))
            seconds[kind].append(time.perf_counter() - start)
    return answers, seconds


def difference(seconds: Mapping[str, Sequence[float]]) -> str | None:
    """Which kinds differ, and by how much; None when all are alike."""
    for (name, one), (other_name, other) in combinations(seconds.items(), 2):
        above = statistics.fmean((a > b) + (a == b) / 2 for a, b in product(one, other))
        ratio = statistics.median(one) / statistics.median(other)
        if abs(above - 0.5) >= RANK_TOLERANCE or not 1 / MEDIAN_TOLERANCE < ratio < MEDIAN_TOLERANCE:
            return f"{name} against {other_name}: above in {above:.2f}, medians {ratio:.2f}"
    return None


def is_too_busy(seconds: Mapping[str, Sequence[float]]) -> bool:
    """Whether calls of each kind took so different times that the machine must have had other work."""
    return all(statistics.median(one) > BUSY * min(one) for one in seconds.values())


def assert_alike(
    callers: Callers, kinds: Mapping[str, tuple[str, str]], rounds: int, expected: Answer
) -> None:
    """Every kind of (e-mail, password) gets the answer `expected`, and in the same time."""
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(MOST_TRIES):
        answers, more = take_turns(callers, kinds, rounds)
        assert answers == {expected}
        for kind, new in more.items():
            seconds[kind] += new
        found = difference(seconds)
        if found is None:
            return
    if is_too_busy(seconds):
        pytest.skip(f"the machine is too busy to compare times: {found}")
    pytest.fail(str(found))


@pytest.fixture
def start_with_accounts(start_replica: Callable[..., Replica]) -> Callable[..., Callers]:
    """Starts a replica that knows EMAIL, REVOKED, whom an admin has locked out, and WITH_SECOND_FACTOR."""

    def start(**settings: object) -> Callers:
        replica = start_replica(totp_keys=Fernet.generate_key().decode(), **settings)
        sign_up(replica.callers, EMAIL)
        second = sign_up(replica.callers, WITH_SECOND_FACTOR)
        enrolled = replica.callers.gateway.EnrollTotp(pb.EnrollTotpRequest(), metadata=second.bearer)
        confirm = pb.ConfirmTotpRequest(totp=pyotp.TOTP(enrolled.secret).now())
        replica.callers.gateway.ConfirmTotp(confirm, metadata=second.bearer)
        locked = sign_up(replica.callers, REVOKED)
        made = replica.identity.administration.create(ADMIN_EMAIL, ADMIN_PASSWORD, "admin")
        admin = sign_in(replica.callers, str(made.id), ADMIN_EMAIL, ADMIN_PASSWORD)
        request = pb.UpdateUserRequest(user_id=locked.id, activation_status="revoked")
        replica.callers.gateway.UpdateUser(request, metadata=admin.bearer)
        return replica.callers

    return start


def test_unknown_email_wrong_password_and_locked_account_are_answered_alike(
    start_with_accounts: Callable[..., Callers],
) -> None:
    callers = start_with_accounts(
        sign_in_limit_per_account=1000,
        sign_in_limit_per_address=1000,
        sign_in_limit_unknown_networks=1000,
    )
    kinds = {
        "unknown e-mail": (NOBODY, PASSWORD),
        "wrong password": (EMAIL, "wrong"),
        "locked account": (REVOKED, "wrong"),
        "second factor": (WITH_SECOND_FACTOR, "wrong"),
    }

    expected = (grpc.StatusCode.UNAUTHENTICATED, "WRONG_CREDENTIALS", "邮箱或密码错误")
    assert_alike(callers, kinds, 20, expected)


def test_once_throttled_neither_account_nor_password_makes_a_difference(
    start_with_accounts: Callable[..., Callers],
) -> None:
    callers = start_with_accounts(sign_in_limit_per_account=1)
    for email in (EMAIL, REVOKED, NOBODY):
        assert answer(callers, email, "wrong")[1] == "WRONG_CREDENTIALS"
    kinds = {
        "unknown e-mail": (NOBODY, PASSWORD),
        "right password": (EMAIL, PASSWORD),
        "wrong password": (EMAIL, "wrong"),
        "locked account": (REVOKED, PASSWORD),
    }

    expected = (grpc.StatusCode.RESOURCE_EXHAUSTED, "SIGN_IN_THROTTLED", "登录尝试过于频繁，请稍后再试")
    assert_alike(callers, kinds, 40, expected)


@pytest.mark.parametrize("others_work", [False, True])
def test_the_comparison_sees_a_skipped_hash_also_beside_other_work(others_work: bool) -> None:
    chance = random.Random(20)

    def took(cost: float) -> float:
        return cost + chance.random() / 500 + (chance.choice([0, 0, 0.2]) if others_work else 0)

    alike = {name: [took(0.18) for _ in range(60)] for name in ("unknown e-mail", "wrong password")}
    assert difference(alike) is None
    skipped = {**alike, "unknown e-mail": [took(0.003) for _ in range(60)]}
    assert difference(skipped) is not None
    assert not is_too_busy(skipped)
