"""What the RPCs cost: statements per call, and plans that do not grow with the accounts."""

import datetime
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Engine, event, text

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.postgres.connecting import long_answers
from services.chassis.postgres.database import Database
from tests.service.identity.replicas import PASSWORD, Account, Callers, sign_in, sign_up

# With a few rows PostgreSQL rightly reads them all. The whole million takes its time, and is for `make prove`.
ROWS = [30_000, pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
FILL = text("""
    INSERT INTO accounts (id, email, email_key, password_hash, role, activation_status, activation_code,
        expired_time, created_at, updated_at)
    SELECT md5(n::text)::uuid, mail, mail, '!', CASE WHEN n % 1000 = 0 THEN 'admin' ELSE 'user' END, status,
        CASE WHEN status = 'active' THEN md5('code ' || n) END,
        CASE WHEN status = 'active' THEN timestamptz '2030-01-01Z' END,
        timestamptz '2026-01-01Z' + n * interval '1 second', now()
    FROM (SELECT n, md5('mail ' || n) || '@example.com' AS mail, (ARRAY['pending', 'active', 'revoked'])[1 + n % 3]
        AS status FROM generate_series(1, :rows) AS n) AS numbered
""")
FILL_BESIDE = [
    text("INSERT INTO account_activations SELECT md5('code ' || n) FROM generate_series(1, :rows) AS n"),
    text("""INSERT INTO known_networks SELECT id, '192.0.2.0/24', now() FROM accounts"""),
    text("""INSERT INTO sign_in_attempts SELECT gen_random_uuid(), sha256(n::text::bytea),
        now() - n * interval '1 millisecond', false FROM generate_series(1, :rows) AS n"""),
    text("""INSERT INTO password_links SELECT id, sha256(email::bytea), id, now(), now() + interval '1 day'
        FROM accounts"""),
    text("""INSERT INTO account_changes SELECT sequence + n, gen_random_uuid(), 'changed', now()
        FROM account_feed, generate_series(1, :rows) AS n"""),
    text("UPDATE account_feed SET sequence = sequence + :rows"),
]
TABLES = "accounts|account_changes|account_activations|known_networks|sign_in_attempts|password_links"
# Pages that an index holds in their very order.
IN_ORDER = {"ListUsers", "ListUsers by token", "ListUsers by role"}
# Depends on the load: a busy machine does not trust the cached principal of the caller for long.
AUTHENTICATION = re.compile(r"FROM account_feed JOIN accounts")
FULL_READ = re.compile(f"Seq Scan on ({TABLES})\\b")


@pytest.fixture(params=ROWS)
def full_database(database: Database, request: pytest.FixtureRequest) -> Database:
    with long_answers(), database.transaction() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        # Built row by row this one takes longer than all the others together.
        trigrams = connection.scalar(text("SELECT pg_get_indexdef('accounts_email_key_trgm_idx'::regclass)"))
        connection.execute(text("DROP INDEX accounts_email_key_trgm_idx"))
        for statement in (FILL, *FILL_BESIDE):
            connection.execute(statement, {"rows": request.param})
        connection.execute(text(trigrams))
    with long_answers(), database.reading() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("ANALYZE"))
    return database


@contextmanager
def recorded() -> Iterator[list[tuple[str, Any]]]:
    """The statements, with their parameters, of calls that are answered meanwhile."""
    statements: list[tuple[str, Any]] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if threading.current_thread().name.startswith("call"):
            statements.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)


class Calls:
    """Every unary RPC once, and how many statements it needs besides the caller's authentication.

    One account each for what changes it.
    """

    def __init__(self, callers: Callers, admin: Account) -> None:
        self._callers = callers
        self._admin = admin
        self._until = Timestamp()
        self._until.FromDatetime(datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))

    def everything(self) -> Iterator[tuple[str, int, Callable[[], object]]]:
        stub, admin = self._callers.gateway, self._admin.bearer
        first, second, third = (
            sign_up(self._callers, f"{name}@example.com") for name in ("first", "second", "third")
        )
        code = uuid.uuid4().hex
        page = stub.ListUsers(pb.ListUsersRequest(size=1), metadata=admin).next_page_token
        yield (
            "Register",
            8,
            lambda: stub.Register(pb.RegisterRequest(email="new@example.com", password=PASSWORD)),
        )
        yield "Login", 9, lambda: stub.Login(pb.LoginRequest(email=first.email, password=PASSWORD))
        yield (
            "Login, wrong",
            7,
            lambda: stub.Login(pb.LoginRequest(email=first.email, password="wrong password")),
        )
        yield "GetMe", 0, lambda: stub.GetMe(pb.GetMeRequest(), metadata=first.bearer)
        change = pb.ChangePasswordRequest(old_password=PASSWORD, new_password="another one")
        yield "ChangePassword", 10, lambda: stub.ChangePassword(change, metadata=first.bearer)
        link = stub.CreatePasswordLink(pb.CreatePasswordLinkRequest(user_id=second.id), metadata=admin)
        ticket = link.url.rpartition("/")[2]
        new_link = pb.CreatePasswordLinkRequest(user_id=first.id)
        yield "CreatePasswordLink", 3, lambda: stub.CreatePasswordLink(new_link, metadata=admin)
        reset = pb.ResetPasswordRequest(ticket=ticket, new_password="by link")
        yield "ResetPassword", 12, lambda: stub.ResetPassword(reset)
        second = sign_in(self._callers, second.id, second.email, "by link")
        guess = pb.ConfirmTotpRequest(totp="123456")
        yield "ConfirmTotp, not begun", 6, lambda: stub.ConfirmTotp(guess, metadata=third.bearer)
        yield "Logout", 3, lambda: stub.Logout(pb.LogoutRequest(), metadata=second.bearer)
        for name, most, request in (
            ("ListUsers", 2, pb.ListUsersRequest()),
            ("ListUsers by token", 2, pb.ListUsersRequest(page_token=page)),
            ("ListUsers by role", 2, pb.ListUsersRequest(role="admin")),
            ("ListUsers by status", 2, pb.ListUsersRequest(activation_status="expired")),
            ("ListUsers by e-mail", 3, pb.ListUsersRequest(email="7f3a9c")),
        ):
            yield name, most, lambda request=request: stub.ListUsers(request, metadata=admin)  # type: ignore[misc]
        yield "GetOverview", 2, lambda: stub.GetOverview(pb.GetOverviewRequest(), metadata=admin)
        yield "GetUser", 1, lambda: stub.GetUser(pb.GetUserRequest(user_id=first.id), metadata=admin)
        new = pb.CreateUserRequest(email="made@example.com", password=PASSWORD, role="user")
        yield "CreateUser", 4, lambda: stub.CreateUser(new, metadata=admin)
        demoted = pb.UpdateUserRequest(user_id=second.id, role="user")
        yield "UpdateUser", 4, lambda: stub.UpdateUser(demoted, metadata=admin)
        internal = self._callers.activation
        asked = pb.AuthenticateRequest(token=self._admin.token)
        yield "Authenticate", 0, lambda: internal.Authenticate(asked)
        known = pb.GetPrincipalsRequest(account_ids=[first.id, second.id, str(uuid.uuid4())])
        yield "GetPrincipals", 1, lambda: internal.GetPrincipals(known)
        given = pb.ApplyActivationRequest(
            account_id=second.id, activation_code=code, expired_time=self._until
        )
        yield "ApplyActivation", 6, lambda: internal.ApplyActivation(given)
        yield "ApplyActivation again", 2, lambda: internal.ApplyActivation(given)
        added = pb.ApplyActivationRequest(
            account_id=second.id, activation_code=uuid.uuid4().hex, added_days=3
        )
        yield "ApplyActivation that adds days", 7, lambda: internal.ApplyActivation(added)
        taken = pb.ClearActivationRequest(activation_code=code)
        yield "ClearActivation", 6, lambda: internal.ClearActivation(taken)
        yield (
            "DeleteUser",
            5,
            lambda: stub.DeleteUser(pb.DeleteUserRequest(user_id=second.id), metadata=admin),
        )


def test_each_call_makes_as_few_statements_as_it_needs(callers: Callers, admin: Account) -> None:
    counts, expected = {}, {}
    for name, statements, call in Calls(callers, admin).everything():
        with recorded() as seen, suppress(grpc.RpcError):
            call()
        counts[name] = len([text for text, _ in seen if not AUTHENTICATION.search(text)])
        expected[name] = statements
        assert len(seen) - counts[name] <= 1, name
    assert counts == expected


def test_no_statement_of_a_call_reads_a_whole_table(
    full_database: Database, callers: Callers, admin: Account
) -> None:
    for name, _, call in Calls(callers, admin).everything():
        with recorded() as seen, suppress(grpc.RpcError):
            call()
        assert seen, name
        with full_database.transaction() as connection:
            for statement, parameters in seen:
                if not re.search(rf"\b({TABLES})\b", statement):
                    continue
                # Of several rows written by one statement the first will do.
                values = parameters[0] if isinstance(parameters, list) else parameters
                shown = connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement}", values).scalars().all()
                assert not [line for line in shown if FULL_READ.search(line)], (name, statement, shown)
                if name in IN_ORDER and "LIMIT" in statement:
                    assert not [line for line in shown if "Sort" in line], (name, shown)
