"""Registering: the account that it makes, and what it refuses."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from fastmp.identity.v1 import identity_service_pb2 as pb
from tests.service.identity.replicas import PASSWORD, Account, Callers, refusal, sign_in, sign_up


def test_a_new_account_is_a_pending_user_without_an_end(callers: Callers) -> None:
    made = callers.gateway.Register(pb.RegisterRequest(email="New@Example.com", password=PASSWORD))
    assert (made.email, made.role, made.activation_status) == ("New@Example.com", "user", "pending")
    assert not made.HasField("expired_time")
    assert len(made.id) == 36


@pytest.mark.parametrize("email", ["Person@Example.com", "PERSON@EXAMPLE.COM", "ｐｅｒｓｏｎ@example.com"])
def test_another_spelling_of_an_email_is_the_same_email(
    callers: Callers, person: Account, email: str
) -> None:
    request = pb.RegisterRequest(email=email, password=PASSWORD)
    code, reason = refusal(lambda: callers.gateway.Register(request))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("no address", PASSWORD),
        ("a@b", PASSWORD),
        ("", PASSWORD),
        ("nul\0@example.com", PASSWORD),
        ("tab\t@example.com", PASSWORD),
        ("a" * 250 + "@example.com", PASSWORD),
        ("a@example.com", "five5"),
        ("a@example.com", "x" * 129),
        ("a@example.com", "control\x1bcharacter"),
        ("a@example.com", "nul\0nul"),
    ],
)
def test_bad_values_are_refused_and_make_nothing(
    callers: Callers, admin: Account, email: str, password: str
) -> None:
    request = pb.RegisterRequest(email=email, password=password)
    code, reason = refusal(lambda: callers.gateway.Register(request))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    everyone = callers.gateway.ListUsers(pb.ListUsersRequest(), metadata=admin.bearer)
    assert [account.id for account in everyone.items] == [admin.id]


def test_of_many_who_register_one_email_at_once_one_succeeds(callers: Callers) -> None:
    spellings = [f"{'r' if number % 2 else 'R'}ace@example.com" for number in range(12)]

    def register(email: str) -> object:
        try:
            return callers.gateway.Register(pb.RegisterRequest(email=email, password=PASSWORD)).id
        except grpc.RpcError as error:
            return error.code()

    with ThreadPoolExecutor(len(spellings)) as pool:
        outcomes = list(pool.map(register, spellings))
    refused = [outcome for outcome in outcomes if outcome is grpc.StatusCode.ALREADY_EXISTS]
    assert len(refused) == len(spellings) - 1
    assert len([outcome for outcome in outcomes if isinstance(outcome, str)]) == 1


def test_the_longest_password_and_unicode_work(callers: Callers) -> None:
    password = "密" * 128
    account = sign_up(callers, "long@example.com", password)
    assert callers.gateway.GetMe(pb.GetMeRequest(), metadata=account.bearer).email == "long@example.com"


def test_an_address_with_its_domain_in_unicode_and_in_ascii_is_one(callers: Callers) -> None:
    sign_up(callers, "dup@例子.公司")
    again = pb.RegisterRequest(email="dup@xn--fsqu00a.xn--55qx5d", password=PASSWORD)
    assert refusal(lambda: callers.gateway.Register(again)) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "EMAIL_TAKEN",
    )
    sign_in(callers, "", "DUP@xn--fsqu00a.xn--55qx5d")
