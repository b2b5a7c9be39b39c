"""What the RPCs cost: statements per call, and plans that do not grow with the tables."""

import datetime
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from fastmp.activation.v1 import activation_service_pb2 as pb
from services.activation.codes import batches, codes, deletion
from services.activation.codes.generation import blank_answers
from services.activation.codes.listing import Filter, read_page
from services.activation.codes.overview import read_overview
from services.activation.redeeming import claims
from services.activation.redeeming.claims import Claims
from services.activation.redeeming.guessing import WINDOW, CodeGuessing, Guesser, Limits
from services.activation.redeeming.preview import Previews
from services.activation.tables import attempts
from services.chassis.errors import DomainError
from services.chassis.pages import Position
from services.chassis.postgres.connecting import long_answers
from services.chassis.postgres.database import Database
from services.chassis.throttling.attempts import Attempts
from tests.service.activation.bare_redemption import bare_claims
from tests.service.activation.replicas import UNKNOWN_CODE, Replica, refusal
from tests.service.scripted_identity import Account

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
ROWS = 30_000
NO_DATABASE: Database = None  # type: ignore[assignment]
ACCOUNT = uuid.UUID(int=1)


@contextmanager
def recorded(is_wanted: Callable[[], bool]) -> Iterator[list[tuple[str, Any]]]:
    """The statements, with their parameters, that run while `is_wanted()` holds."""
    statements: list[tuple[str, Any]] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if is_wanted():
            statements.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)


def in_a_handler() -> bool:
    return threading.current_thread().name.startswith("call")


def test_each_call_makes_as_few_statements_as_it_needs(
    replica: Replica, admin: Account, person: Account
) -> None:
    used, unused = replica.new_code(admin), replica.new_code(admin)
    batch, fresh = replica.batch(admin), replica.new_code(admin)
    generate = pb.GenerateCodesRequest(valid_days=1, count=500, request_id=uuid.uuid4().hex)
    expected: list[tuple[Callable[[], object], int]] = [
        (lambda: replica.activate(person, used), 3),
        # A repeat finds that nothing is left to take, and then what is there.
        (lambda: replica.activate(person, used), 2),
        (lambda: refusal(lambda: replica.activate(person, UNKNOWN_CODE)), 5),
        (lambda: replica.get(admin, used), 1),
        (lambda: replica.preview(person, fresh), 1),
        (lambda: replica.preview(person, used), 1),
        (lambda: replica.list(admin, size=200), 2),
        (lambda: replica.list(admin, email="example"), 3),
        (lambda: replica.update(admin, unused, valid_days=9), 3),
        (lambda: replica.revoke(admin, unused), 3),
        (lambda: replica.delete(admin, unused), 5),
        # The codes themselves go by COPY.
        (lambda: replica.generate(admin, 500), 2),
        (lambda: replica.stub.GenerateCodes(generate, metadata=admin.bearer), 3),
        (lambda: replica.stub.GenerateCodes(generate, metadata=admin.bearer), 2),
        (lambda: replica.batches(admin), 2),
        (lambda: replica.stub.GetOverview(pb.GetOverviewRequest(), metadata=admin.bearer), 3),
        (lambda: replica.revoke_batch(admin, batch.batch_id), 4),
    ]

    counts = []
    for call, _ in expected:
        with recorded(in_a_handler) as statements:
            call()
        counts.append(len(statements))

    assert counts == [count for _, count in expected]


# Takes its time, and is for `make prove`; once, not once for each worker.
A_MILLION = [pytest.mark.long, pytest.mark.timeout(600), pytest.mark.xdist_group("a million codes")]


@pytest.fixture(
    scope="module",
    params=[ROWS, pytest.param(1_000_000, marks=A_MILLION)],
)
def many_codes(database: Database, request: pytest.FixtureRequest) -> None:
    """A table in which reading all of it shows: mostly pending, some redeemed, few of these past their end."""
    redeemed = "n % 10 = 0"
    statement = text(
        "INSERT INTO activation_codes "
        f"SELECT gen_random_uuid(), md5(n::text), CASE WHEN {redeemed} THEN 'user' || n || '@example.com' END, "
        f"CASE WHEN {redeemed} THEN gen_random_uuid() END, "
        f"CASE WHEN {redeemed} THEN 'active' WHEN n % 1000 = 1 THEN 'revoked' ELSE 'pending' END, "
        f"CASE WHEN {redeemed} THEN CASE WHEN n % 5000 = 0 THEN '2026-02-01' ELSE '2026-04-01' END "
        "|| 'T00:00:00.000000Z' END, "
        f"CASE WHEN {redeemed} THEN '2026-01-01T00:00:00.000000Z' END, 30, "
        "'2026-01-01T00:00:00.' || lpad((n / 100)::text, 6, '0') || 'Z', '2026-01-01T00:00:00.000000Z', "
        "md5((n / 100)::text)::uuid, 'now', CASE WHEN n % 5000 = 3 THEN '2026-02-01T00:00:00.000000Z' END "
        "FROM generate_series(1, :rows) n"
    )
    with long_answers(), database.transaction() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("TRUNCATE activation_codes"))
        # Built row by row this one takes longer than all the others together.
        name = "activation_codes_activation_code_trgm_idx"
        trigrams = connection.scalar(text(f"SELECT pg_get_indexdef('{name}'::regclass)"))
        connection.execute(text(f"DROP INDEX {name}"))
        connection.execute(statement, {"rows": request.param})
        connection.execute(text(trigrams))
        batches = text(
            "INSERT INTO code_batches SELECT md5(n::text)::uuid, NULL, 30, 'now', NULL, "
            "'2026-01-01T00:00:00.' || lpad(n::text, 6, '0') || 'Z', gen_random_uuid() "
            "FROM generate_series(0, :rows - 1) n"
        )
        connection.execute(text("TRUNCATE code_batches"))
        connection.execute(batches, {"rows": request.param})
        connection.execute(text("ANALYZE activation_codes, code_batches"))
        guesses = text(
            "INSERT INTO activation_attempts SELECT gen_random_uuid(), sha256((n / 50)::text::bytea), "
            "timestamptz '2026-02-28T23:50:00Z' + n * interval '1 millisecond', false "
            "FROM generate_series(1, :rows) n"
        )
        connection.execute(text("TRUNCATE activation_attempts"))
        connection.execute(guesses, {"rows": request.param})
        connection.execute(text("ANALYZE activation_attempts"))
        answers = text(
            "INSERT INTO generation_requests SELECT md5(n::text), gen_random_uuid(), 1, 1, "
            "'2026-01-01T00:00:00.' || lpad((n % 1000000)::text, 6, '0') || 'Z', sha256(n::text::bytea) "
            "FROM generate_series(1, :rows) n"
        )
        connection.execute(text("TRUNCATE generation_requests"))
        connection.execute(answers, {"rows": request.param})
        connection.execute(text("ANALYZE generation_requests"))


def preview(connection: Connection) -> None:
    """The statement of PreviewActivation, in the connection of the test."""
    limits = CodeGuessing(Attempts(NO_DATABASE, attempts, WINDOW, lambda: NOW), Limits(10, 100))
    by_account, by_address = limits.keys(Guesser(ACCOUNT, "192.0.2.1"))
    values = {"wanted": UNKNOWN_CODE, "by_account": by_account, "by_address": by_address, "now": NOW}
    Previews(NO_DATABASE, limits, lambda: NOW)._statement.row(connection, values)


def _page(wanted: Filter, start: int | Position = 0) -> Callable[[Connection, Claims], object]:
    return lambda connection, _bare: read_page(connection, wanted, 50, start, NOW)


# The database's md5('0').
OLDEST = uuid.UUID("cfcd2084-95d5-65ef-66e7-dff9f98764da")
MIDDLE = Position(datetime.datetime(2026, 1, 1, 0, 0, 0, ROWS // 200, tzinfo=datetime.UTC), uuid.UUID(int=0))
HOT: dict[str, Callable[[Connection, Claims], object]] = {
    "claim": lambda connection, bare: bare.take(
        connection, UNKNOWN_CODE, Guesser(ACCOUNT, "192.0.2.1"), "a@example.com", NOW
    ),
    "preview": lambda connection, _bare: preview(connection),
    "get": lambda connection, _bare: codes.get(connection, UNKNOWN_CODE),
    "change": lambda connection, _bare: codes.change(connection, UNKNOWN_CODE, 1, None, NOW),
    "remove": lambda connection, _bare: deletion.remove(connection, UNKNOWN_CODE),
    "cascade": lambda connection, _bare: deletion.remove_of_account(connection, ACCOUNT),
    "blank": lambda connection, _bare: blank_answers(connection, {UNKNOWN_CODE}, {NOW}),
    "resync": lambda connection, _bare: next(codes.redeeming_accounts(connection)),
    "claimed": lambda connection, _bare: claims.claimed(connection, ACCOUNT),
    "first page": _page(Filter()),
    "page by token": _page(Filter(), MIDDLE),
    "pending": _page(Filter(status="pending"), MIDDLE),
    "active": _page(Filter(status="active"), MIDDLE),
    "revoked": _page(Filter(status="revoked"), MIDDLE),
    "expired": _page(Filter(status="expired")),
    "email": _page(Filter(email="user4321")),
    "part of a code": _page(Filter(code="7f3a9c")),
    "short part of a code": _page(Filter(code="7f3a")),
    "oldest batch": _page(Filter(batch_id=OLDEST)),
    "pending of the oldest batch": _page(Filter(status="pending", batch_id=OLDEST)),
    "batches": lambda connection, _bare: batches.read_batches(connection, 10, None, NOW),
    "batches by token": lambda connection, _bare: batches.read_batches(connection, 10, MIDDLE, NOW),
    "overview": lambda connection, _bare: read_overview(connection, NOW),
    "revoke batch": lambda connection, _bare: batches.revoke(connection, OLDEST, NOW),
}
# Reading all of a table shows as a sequential scan. Counting what a status filter finds is linear in it.
FULL_READ = re.compile("Seq Scan on (activation_codes|activation_attempts|generation_requests|code_batches)")
LINEAR = {"pending", "active", "revoked"}
COUNTED = re.compile(r"^SELECT count\(")


@pytest.mark.usefixtures("many_codes")
@pytest.mark.parametrize("name", HOT)
def test_no_query_reads_more_than_it_needs(database: Database, database_url: str, name: str) -> None:
    bare = bare_claims(database, database_url, lambda: NOW)
    me = threading.current_thread()
    with (
        recorded(lambda: threading.current_thread() is me) as statements,
        _rolled_back(database) as connection,
    ):
        HOT[name](connection, bare)

    statements = [one for one in statements if not one[0].startswith("SET")]
    assert statements
    for statement, parameters in statements:
        if COUNTED.match(statement) and name in LINEAR:
            continue
        with _rolled_back(database) as connection:
            plan = connection.exec_driver_sql("EXPLAIN (COSTS OFF) " + statement, parameters).scalars().all()
        assert not [line for line in plan if FULL_READ.search(line)], "\n".join(plan)


@contextmanager
def _rolled_back(database: Database) -> Iterator[Connection]:
    with database.transaction() as connection:
        # Most of what is looked for does not exist, and is refused.
        with suppress(DomainError):
            yield connection
        connection.get_transaction().rollback()  # type: ignore[union-attr]
