"""Lists of accounts: pages, filters and counts."""

import datetime
import uuid
from collections.abc import Sequence

import grpc
import pytest
from sqlalchemy import delete, insert

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.postgres import migrations
from services.chassis.postgres.database import Database
from services.identity.accounts.emails import email_key
from services.identity.accounts.listing import AccountFilter, list_accounts
from services.identity.tables import accounts
from tests.service.identity.replicas import Account, Callers, refusal

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def put(database: Database, emails: Sequence[str], **others: object) -> list[str]:
    """Writes accounts in this order of age, pairs of the same age; gives their ids, newest first."""
    rows = [
        {
            "id": uuid.UUID(int=number + 1),
            "email": email,
            "email_key": email_key(email),
            "password_hash": "!",
            "role": "user",
            "activation_status": "pending",
            "created_at": START + datetime.timedelta(minutes=number // 2),
            "updated_at": START,
            **others,
        }
        for number, email in enumerate(emails)
    ]
    with database.transaction() as connection:
        connection.execute(insert(accounts), rows)
    return [str(row["id"]) for row in reversed(rows)]


def ids(answer: pb.ListUsersResponse) -> list[str]:
    return [account.id for account in answer.items]


def test_pages_by_number_and_by_token_show_the_same_accounts_newest_first(
    callers: Callers, admin: Account, database: Database
) -> None:
    all_ids = [admin.id, *put(database, [f"u{number}@example.com" for number in range(24)])]
    by_number = []
    for page in (1, 2, 3):
        answer = callers.gateway.ListUsers(pb.ListUsersRequest(page=page, size=10), metadata=admin.bearer)
        assert (answer.total, answer.page, answer.size) == (25, page, 10)
        assert answer.HasField("next_page_token") == (page < 3)
        by_number += ids(answer)
    assert by_number == all_ids
    answer = callers.gateway.ListUsers(pb.ListUsersRequest(size=10), metadata=admin.bearer)
    by_token = ids(answer)
    while answer.next_page_token:
        request = pb.ListUsersRequest(size=10, page_token=answer.next_page_token)
        answer = callers.gateway.ListUsers(request, metadata=admin.bearer)
        assert (answer.total, answer.page) == (25, 0)
        by_token += ids(answer)
    assert by_token == all_ids


def test_a_page_that_ends_the_list_exactly_has_no_next(
    callers: Callers, admin: Account, database: Database
) -> None:
    put(database, ["a@example.com", "b@example.com"])
    answer = callers.gateway.ListUsers(pb.ListUsersRequest(size=3), metadata=admin.bearer)
    assert len(answer.items) == 3
    assert not answer.HasField("next_page_token")
    beyond = callers.gateway.ListUsers(pb.ListUsersRequest(page=2**31 - 1), metadata=admin.bearer)
    assert (len(beyond.items), beyond.total) == (0, 3)


def test_deletions_meanwhile_make_the_token_skip_nothing(
    callers: Callers, admin: Account, database: Database
) -> None:
    all_ids = put(database, [f"u{number}@example.com" for number in range(6)])
    answer = callers.gateway.ListUsers(pb.ListUsersRequest(size=3), metadata=admin.bearer)
    assert ids(answer) == [admin.id, *all_ids[:2]]
    for account_id in all_ids[:2]:
        callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=account_id), metadata=admin.bearer)
    request = pb.ListUsersRequest(size=3, page_token=answer.next_page_token)
    assert ids(callers.gateway.ListUsers(request, metadata=admin.bearer)) == all_ids[2:5]


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("", 5),
        ("EXAMPLE", 5),
        ("%", 1),
        ("_", 1),
        ("100%", 1),
        ("a_b", 1),
        ("a%b", 0),
        ("\\", 0),
        ("É", 1),
        ("nobody", 0),
    ],
)
def test_the_email_filter_takes_any_part_literally_in_any_case(
    callers: Callers, admin: Account, database: Database, part: str, found: int
) -> None:
    put(database, ["100%@example.com", "a_b@example.com", "axb@example.com", "é@example.com"])
    answer = callers.gateway.ListUsers(pb.ListUsersRequest(email=part), metadata=admin.bearer)
    assert (len(answer.items), answer.total) == (found, found)


def test_filters_work_together(callers: Callers, admin: Account, database: Database) -> None:
    put(database, ["a@example.com", "b@example.com"], activation_status="revoked")
    wanted = pb.ListUsersRequest(email="a", role="user", activation_status="revoked")
    answer = callers.gateway.ListUsers(wanted, metadata=admin.bearer)
    # Every address here contains an a.
    assert answer.total == 2
    none = pb.ListUsersRequest(role="admin", activation_status="revoked")
    assert callers.gateway.ListUsers(none, metadata=admin.bearer).total == 0


@pytest.mark.parametrize(
    "request_",
    [
        pb.ListUsersRequest(page=0),
        pb.ListUsersRequest(page=-1),
        pb.ListUsersRequest(size=0),
        pb.ListUsersRequest(size=201),
        pb.ListUsersRequest(role="root"),
        pb.ListUsersRequest(activation_status=""),
        pb.ListUsersRequest(email="nul\0"),
        pb.ListUsersRequest(email="x" * 255),
        pb.ListUsersRequest(page=1, page_token="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        pb.ListUsersRequest(page_token=""),
        pb.ListUsersRequest(page_token="not a token"),
        pb.ListUsersRequest(page_token="A" * 31),
        pb.ListUsersRequest(page_token="_" * 32),
    ],
)
def test_bad_questions_are_refused(callers: Callers, admin: Account, request_: pb.ListUsersRequest) -> None:
    code, reason = refusal(lambda: callers.gateway.ListUsers(request_, metadata=admin.bearer))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")


def test_only_admins_list(callers: Callers, person: Account) -> None:
    refused = refusal(lambda: callers.gateway.ListUsers(pb.ListUsersRequest(), metadata=person.bearer))
    assert refused == (grpc.StatusCode.PERMISSION_DENIED, "ADMIN_REQUIRED")


def test_the_kept_count_is_the_count_also_after_deletions_and_undone_work(
    callers: Callers, admin: Account, database: Database
) -> None:
    def total() -> int:
        return callers.gateway.ListUsers(pb.ListUsersRequest(size=1), metadata=admin.bearer).total

    written = put(database, [f"u{number}@example.com" for number in range(7)])
    assert total() == 8
    callers.gateway.DeleteUser(pb.DeleteUserRequest(user_id=written[0]), metadata=admin.bearer)
    assert total() == 7
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        connection.execute(delete(accounts))
        raise ZeroDivisionError
    assert total() == 7


def test_accounts_that_were_there_before_the_count_was_kept_are_counted(database_url: str) -> None:
    migrations.downgrade(database_url, "services.identity", "0003")
    database = Database(database_url, pool_size=1)
    put(database, ["a@example.com", "b@example.com"])
    migrations.upgrade(database_url, "services.identity")
    with database.snapshot() as connection:
        assert list_accounts(connection, AccountFilter(), START, 1).total == 2
    database.dispose()
