"""The admins' work on accounts, and that one admin always remains."""

import datetime
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.identity.v1 import identity_service_pb2 as pb
from tests.service.identity.replicas import PASSWORD, Account, Callers, Clock, refusal, sign_in, sign_up

NOT_FOUND = (grpc.StatusCode.NOT_FOUND, "ACCOUNT_NOT_FOUND")
FIRST_MOMENT = datetime.datetime.min.replace(tzinfo=datetime.UTC)
LAST_MOMENT = datetime.datetime.max.replace(tzinfo=datetime.UTC)
LAST_ADMIN = (grpc.StatusCode.FAILED_PRECONDITION, "LAST_ADMIN")


def timestamp(time: datetime.datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def test_an_admin_makes_accounts_of_either_role(callers: Callers, admin: Account) -> None:
    for role, expected in ((None, "user"), ("user", "user"), ("admin", "admin")):
        request = pb.CreateUserRequest(email=f"role-{role}@example.com", password=PASSWORD, role=role)
        made = callers.gateway.CreateUser(request, metadata=admin.bearer)
        assert (made.role, made.activation_status) == (expected, "pending")
    taken = pb.CreateUserRequest(email="ADMIN@EXAMPLE.COM", password=PASSWORD)
    code, reason = refusal(lambda: callers.gateway.CreateUser(taken, metadata=admin.bearer))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN")


@pytest.mark.parametrize(
    "request_",
    [
        pb.CreateUserRequest(email="x@example.com", password=PASSWORD, role="root"),
        pb.CreateUserRequest(email="x@example.com", password=PASSWORD, role=""),
        pb.CreateUserRequest(email="x", password=PASSWORD),
        pb.CreateUserRequest(email="x@example.com", password=""),
    ],
)
def test_an_account_with_bad_values_is_not_made(
    callers: Callers, admin: Account, request_: pb.CreateUserRequest
) -> None:
    code, _ = refusal(lambda: callers.gateway.CreateUser(request_, metadata=admin.bearer))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_an_account_is_found_by_its_id(callers: Callers, admin: Account, person: Account) -> None:
    found = callers.gateway.GetUser(pb.GetUserRequest(user_id=person.id), metadata=admin.bearer)
    assert (found.id, found.email) == (person.id, person.email)
    unknown = pb.GetUserRequest(user_id=str(uuid.uuid4()))
    assert refusal(lambda: callers.gateway.GetUser(unknown, metadata=admin.bearer)) == NOT_FOUND


@pytest.mark.parametrize(
    "user_id", ["", "1", "x" * 36, "{0f8fad5b-d9cb-469f-a165-70867728950e}", "\0" * 36, "%"]
)
def test_what_is_no_id_is_bad_input_everywhere(callers: Callers, admin: Account, user_id: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: callers.gateway.GetUser(pb.GetUserRequest(user_id=user_id), metadata=admin.bearer),
        lambda: callers.gateway.UpdateUser(pb.UpdateUserRequest(user_id=user_id), metadata=admin.bearer),
        lambda: callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=user_id), metadata=admin.bearer),
        lambda: callers.activation.GetPrincipals(pb.GetPrincipalsRequest(account_ids=[user_id])),
    ]
    for call in calls:
        assert refusal(call)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_an_update_changes_the_fields_that_are_present_and_nothing_else(
    callers: Callers, admin: Account, person: Account, clock: Clock
) -> None:
    end = clock.now() + datetime.timedelta(days=3)
    by_admin = admin.bearer
    changed = callers.gateway.UpdateUser(
        pb.UpdateUserRequest(user_id=person.id, activation_status="active", expired_time=timestamp(end)),
        metadata=by_admin,
    )
    assert (changed.role, changed.activation_status) == ("user", "active")
    assert changed.expired_time.ToDatetime(tzinfo=datetime.UTC) == end
    changed = callers.gateway.UpdateUser(
        pb.UpdateUserRequest(user_id=person.id, role="admin"), metadata=by_admin
    )
    assert (changed.role, changed.activation_status) == ("admin", "active")
    unchanged = callers.gateway.UpdateUser(pb.UpdateUserRequest(user_id=person.id), metadata=by_admin)
    assert unchanged == changed
    assert callers.gateway.GetMe(pb.GetMeRequest(), metadata=person.bearer) == changed


def test_an_account_past_its_end_reads_as_expired_everywhere(
    callers: Callers, admin: Account, person: Account, clock: Clock
) -> None:
    end = timestamp(clock.now() + datetime.timedelta(hours=1))
    request = pb.UpdateUserRequest(user_id=person.id, activation_status="active", expired_time=end)
    callers.gateway.UpdateUser(request, metadata=admin.bearer)
    assert callers.gateway.GetMe(pb.GetMeRequest(), metadata=person.bearer).activation_status == "active"
    clock.advance(hours=1, seconds=1)
    assert callers.gateway.GetMe(pb.GetMeRequest(), metadata=person.bearer).activation_status == "expired"
    found = callers.gateway.GetUser(pb.GetUserRequest(user_id=person.id), metadata=admin.bearer)
    assert found.activation_status == "expired"
    for status, expected in (("expired", [person.id]), ("active", [])):
        listed = callers.gateway.ListUsers(
            pb.ListUsersRequest(activation_status=status), metadata=admin.bearer
        )
        assert [account.id for account in listed.items] == expected
        assert listed.total == len(expected)


def test_the_first_and_the_last_moment_of_time_can_be_set_and_read(
    callers: Callers, admin: Account, person: Account
) -> None:
    for moment in (FIRST_MOMENT, LAST_MOMENT):
        request = pb.UpdateUserRequest(user_id=person.id, expired_time=timestamp(moment))
        changed = callers.gateway.UpdateUser(request, metadata=admin.bearer)
        assert changed.expired_time.ToDatetime(tzinfo=datetime.UTC) == moment
    beyond = pb.UpdateUserRequest(user_id=person.id, expired_time=Timestamp(seconds=1 << 60))
    code, _ = refusal(lambda: callers.gateway.UpdateUser(beyond, metadata=admin.bearer))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_password_set_by_an_admin_ends_the_tokens_of_the_account(
    callers: Callers, admin: Account, person: Account
) -> None:
    request = pb.UpdateUserRequest(user_id=person.id, password="a new password")
    callers.gateway.UpdateUser(request, metadata=admin.bearer)
    refused = refusal(lambda: callers.gateway.GetMe(pb.GetMeRequest(), metadata=person.bearer))
    assert refused == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED")
    sign_in(callers, person.id, person.email, "a new password")


def test_an_update_with_a_bad_value_changes_nothing(
    callers: Callers, admin: Account, person: Account
) -> None:
    for bad in (
        pb.UpdateUserRequest(user_id=person.id, role="admin", activation_status="activated"),
        pb.UpdateUserRequest(user_id=person.id, role="Admin"),
        pb.UpdateUserRequest(user_id=person.id, role="admin", password="five5"),
    ):
        code, _ = refusal(lambda bad=bad: callers.gateway.UpdateUser(bad, metadata=admin.bearer))  # type: ignore[misc]
        assert code is grpc.StatusCode.INVALID_ARGUMENT
    found = callers.gateway.GetUser(pb.GetUserRequest(user_id=person.id), metadata=admin.bearer)
    assert (found.role, found.activation_status) == ("user", "pending")


def test_whoever_is_not_there_can_neither_be_changed_nor_deleted(callers: Callers, admin: Account) -> None:
    unknown = str(uuid.uuid4())
    for change in (
        pb.UpdateUserRequest(user_id=unknown),
        pb.UpdateUserRequest(user_id=unknown, role="user"),
        pb.UpdateUserRequest(user_id=unknown, password="a new password"),
    ):
        call = lambda change=change: callers.gateway.UpdateUser(change, metadata=admin.bearer)  # noqa: E731
        assert refusal(call) == NOT_FOUND
    delete = pb.DeleteUserRequest(user_id=unknown)
    assert refusal(lambda: callers.gateway.DeleteUser(delete, metadata=admin.bearer)) == NOT_FOUND


def test_a_deleted_account_is_gone_at_once_and_its_email_is_free(
    callers: Callers, admin: Account, person: Account
) -> None:
    delete = pb.DeleteUserRequest(user_id=person.id)
    assert callers.gateway.DeleteUser(delete, metadata=admin.bearer).status == "ok"
    refused = refusal(lambda: callers.gateway.GetMe(pb.GetMeRequest(), metadata=person.bearer))
    assert refused == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED")
    assert refusal(lambda: callers.gateway.DeleteUser(delete, metadata=admin.bearer)) == NOT_FOUND
    assert sign_up(callers, person.email).id != person.id


def test_the_last_admin_can_neither_be_demoted_nor_deleted(
    callers: Callers, admin: Account, person: Account
) -> None:
    demote = pb.UpdateUserRequest(user_id=admin.id, role="user")
    delete = pb.DeleteUserRequest(user_id=admin.id)
    assert refusal(lambda: callers.gateway.UpdateUser(demote, metadata=admin.bearer)) == LAST_ADMIN
    assert refusal(lambda: callers.gateway.DeleteUser(delete, metadata=admin.bearer)) == LAST_ADMIN
    other = pb.UpdateUserRequest(user_id=person.id, role="admin")
    callers.gateway.UpdateUser(other, metadata=admin.bearer)
    assert callers.gateway.DeleteUser(delete, metadata=admin.bearer).status == "ok"


@pytest.mark.parametrize("way", ["demote", "delete", "both"])
def test_of_admins_who_remove_each_other_at_once_one_remains(
    callers: Callers, admin: Account, way: str
) -> None:
    def remove(by: Account, whom: Account, delete: bool) -> bool:
        try:
            if delete:
                callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=whom.id), metadata=by.bearer)
            else:
                request = pb.UpdateUserRequest(user_id=whom.id, role="user")
                callers.gateway.UpdateUser(request, metadata=by.bearer)
        except grpc.RpcError:
            return False
        return True

    keeper = admin
    for round_ in range(6):
        rival = sign_up(callers, f"rival{round_}@example.com", role="admin", by=keeper)
        with ThreadPoolExecutor(4) as pool:
            deletes = {"demote": (False, False), "delete": (True, True), "both": (True, False)}[way]
            outcomes = [
                pool.submit(remove, by, whom, delete)
                for by, whom, delete in ((keeper, rival, deletes[0]), (rival, keeper, deletes[1]))
            ]
            assert any(outcome.result() for outcome in outcomes)
        admins = []
        for candidate in (keeper, rival):
            try:
                listed = callers.gateway.ListUsers(
                    pb.ListUsersRequest(role="admin"), metadata=candidate.bearer
                )
                admins = [account.id for account in listed.items]
                keeper = candidate
            except grpc.RpcError:
                continue
        assert len(admins) == 1
