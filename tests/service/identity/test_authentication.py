"""Whose token it is, for the other services and for Identity itself: as of now, on every replica."""

import datetime
import threading
import time
import uuid
from collections.abc import Callable

import grpc
import pytest
import sqlalchemy
from google.protobuf.timestamp_pb2 import Timestamp

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.postgres.database import Database
from services.identity.feed import changes
from services.identity.sign_in.tokens import Tokens
from tests.service.identity.conftest import Replica
from tests.service.identity.replicas import PASSWORD, SECRET, Account, Callers, Clock, eventually, refusal

REVOKED = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED")


def me(callers: Callers, account: Account) -> pb.Account:
    return callers.gateway.GetMe(pb.GetMeRequest(), metadata=account.bearer)


def authenticate(callers: Callers, token: str) -> pb.AuthenticateResponse:
    return callers.activation.Authenticate(pb.AuthenticateRequest(token=token))


def head(database: Database) -> int:
    with database.reading() as connection:
        return changes.head(connection)


def test_another_service_learns_whose_token_it_is(
    callers: Callers, admin: Account, person: Account, clock: Clock, database: Database
) -> None:
    end = Timestamp()
    end.FromDatetime(clock.now() - datetime.timedelta(days=1))
    request = pb.UpdateUserRequest(user_id=person.id, activation_status="active", expired_time=end)
    callers.gateway.UpdateUser(request, metadata=admin.bearer)
    answer = authenticate(callers, person.token)
    principal = answer.principal
    assert (principal.account_id, principal.email, principal.role) == (person.id, person.email, "user")
    # As stored: callers that cache it compare it with the clock.
    assert (principal.activation_status, principal.expired_time) == ("active", end)
    assert answer.sequence == head(database)
    left = answer.token_expire_time.ToDatetime(tzinfo=datetime.UTC) - clock.now()
    assert datetime.timedelta(minutes=1439) < left <= datetime.timedelta(minutes=1440)


def test_tokens_that_are_worth_nothing_are_told_apart(
    callers: Callers, admin: Account, person: Account, clock: Clock
) -> None:
    tokens = Tokens(SECRET, datetime.timedelta(hours=1))
    now = clock.now()
    seconds = int(now.timestamp())
    past = now - datetime.timedelta(hours=2)
    expired = tokens.issue(uuid.UUID(person.id), seconds - 7200, past)
    from_the_future = tokens.issue(uuid.UUID(person.id), seconds + 120, now)
    nobodys = tokens.issue(uuid.uuid4(), seconds, now)
    forged = Tokens(SECRET + "x", datetime.timedelta(hours=1)).issue(uuid.UUID(admin.id), seconds, now)
    for token, reason in (
        (expired, "TOKEN_EXPIRED"),
        (from_the_future, "TOKEN_INVALID"),
        (nobodys, "TOKEN_REVOKED"),
        (forged, "TOKEN_INVALID"),
        ("", "TOKEN_INVALID"),
        ("x" * 10_000, "TOKEN_INVALID"),
        ("密\0", "TOKEN_INVALID"),
    ):
        call = lambda token=token: authenticate(callers, token)  # noqa: E731
        assert refusal(call) == (grpc.StatusCode.UNAUTHENTICATED, reason)


def test_the_accounts_that_exist_are_named(
    callers: Callers, admin: Account, person: Account, database: Database
) -> None:
    unknown = str(uuid.uuid4())
    request = pb.GetPrincipalsRequest(account_ids=[person.id, unknown, admin.id, person.id])
    answer = callers["wechat_cookie"].GetPrincipals(request)
    assert {principal.account_id: principal.role for principal in answer.principals} == {
        person.id: "user",
        admin.id: "admin",
    }
    assert answer.sequence == head(database)
    empty = callers["wechat_cookie"].GetPrincipals(pb.GetPrincipalsRequest())
    assert (len(empty.principals), empty.sequence) == (0, head(database))
    many = pb.GetPrincipalsRequest(account_ids=[str(uuid.uuid4()) for _ in range(1000)])
    assert len(callers.activation.GetPrincipals(many).principals) == 0
    many.account_ids.append(unknown)
    assert refusal(lambda: callers.activation.GetPrincipals(many))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_an_answer_never_claims_to_be_newer_than_it_is(
    callers: Callers, admin: Account, person: Account
) -> None:
    """A principal that is older than a change must not carry that change's sequence."""
    statuses = {}
    stop = threading.Event()
    answers: list[tuple[int, str]] = []

    def keep_asking() -> None:
        while not stop.is_set():
            answer = authenticate(callers, person.token)
            answers.append((answer.sequence, answer.principal.activation_status))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    sequence = authenticate(callers, person.token).sequence
    statuses[sequence] = "pending"
    for number in range(60):
        status = "active" if number % 2 == 0 else "revoked"
        request = pb.UpdateUserRequest(user_id=person.id, activation_status=status)
        callers.gateway.UpdateUser(request, metadata=admin.bearer)
        sequence += 1
        statuses[sequence] = status
    stop.set()
    asking.join(10)
    assert len({sequence for sequence, _ in answers}) > 3
    assert all(statuses[sequence] == status for sequence, status in answers)


def logout(callers: Callers, admin: Account, person: Account) -> None:
    callers.gateway.Logout(pb.LogoutRequest(), metadata=person.bearer)


def change_password(callers: Callers, admin: Account, person: Account) -> None:
    request = pb.ChangePasswordRequest(old_password=PASSWORD, new_password="a new one")
    callers.gateway.ChangePassword(request, metadata=person.bearer)


def set_password(callers: Callers, admin: Account, person: Account) -> None:
    request = pb.UpdateUserRequest(user_id=person.id, password="a new one")
    callers.gateway.UpdateUser(request, metadata=admin.bearer)


def delete(callers: Callers, admin: Account, person: Account) -> None:
    callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=person.id), metadata=admin.bearer)


@pytest.mark.parametrize("end", [logout, change_password, set_password, delete])
def test_ended_tokens_are_refused_at_once_here_and_within_a_second_elsewhere(
    start_replica: Callable[..., Replica],
    callers: Callers,
    admin: Account,
    person: Account,
    end: Callable[[Callers, Account, Account], None],
) -> None:
    elsewhere = start_replica().callers
    for replica in (callers, elsewhere):
        assert me(replica, person).id == person.id
    end(callers, admin, person)
    ended = time.monotonic()
    assert refusal(lambda: me(callers, person)) == REVOKED

    def is_refused_elsewhere() -> bool:
        try:
            me(elsewhere, person)
        except grpc.RpcError:
            return True
        return False

    eventually(is_refused_elsewhere)
    assert time.monotonic() - ended < 1.0
    assert refusal(lambda: me(elsewhere, person)) == REVOKED


def test_a_demoted_admin_is_refused_within_a_second_elsewhere(
    start_replica: Callable[..., Replica], callers: Callers, admin: Account, person: Account
) -> None:
    elsewhere = start_replica().callers
    promote = pb.UpdateUserRequest(user_id=person.id, role="admin")
    callers.gateway.UpdateUser(promote, metadata=admin.bearer)
    eventually(lambda: me(elsewhere, person).role == "admin", seconds=1.0)
    elsewhere.gateway.ListUsers(pb.ListUsersRequest(), metadata=person.bearer)
    demote = pb.UpdateUserRequest(user_id=person.id, role="user")
    callers.gateway.UpdateUser(demote, metadata=admin.bearer)
    assert me(callers, person).role == "user"
    eventually(lambda: me(elsewhere, person).role == "user", seconds=1.0)
    refused = refusal(lambda: elsewhere.gateway.ListUsers(pb.ListUsersRequest(), metadata=person.bearer))
    assert refused == (grpc.StatusCode.PERMISSION_DENIED, "ADMIN_REQUIRED")


def test_a_known_caller_costs_no_statement(callers: Callers, person: Account, replica: Replica) -> None:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # Any statement on an account; the feed and readiness ask theirs all the time.
        if "accounts" in statement:
            asked.append(statement)

    eventually(lambda: replica.identity.feed.is_working)
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", note)
    try:
        me(callers, person)
        assert len(asked) == 1
        for _ in range(50):
            me(callers, person)
        # One more is allowed for a machine so busy that the feed fell silent.
        assert len(asked) <= 2
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", note)
