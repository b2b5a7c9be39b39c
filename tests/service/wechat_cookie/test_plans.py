"""No statement about cookies reads a whole table, however many cookies there are."""

import datetime
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from services.chassis.audit.recording import AuditLog
from services.chassis.identity.principals import Principal
from services.chassis.postgres.connecting import long_answers
from services.chassis.postgres.database import Database, driver_connection
from services.wechat_cookie.audit_tables import audit
from services.wechat_cookie.cookies import cascade, changing, expiry, health, reading, reports, saving
from services.wechat_cookie.cookies.cookie import Cookie
from services.wechat_cookie.cookies.handing_out import Acquirer, HandingOut
from services.wechat_cookie.cookies.health import HealthReason
from services.wechat_cookie.cookies.overview import overview
from services.wechat_cookie.cookies.sweeper import Sweeper
from services.wechat_cookie.data_calls import budget
from services.wechat_cookie.data_calls.limits import BudgetLimits
from services.wechat_cookie.exported import folders
from tests.service.wechat_cookie.store import ANN, BOB, EMAILS, Store
from tests.support.audit_key import AUDIT_KEY

MANY = 40_000
# Takes its time, and is for `make prove`.
A_MILLION = pytest.param(1_000_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])
FILL = text(
    "INSERT INTO cookies (id, token, owner_id, owner_email, created_time, expire_time, is_current, original_id,"
    " jar, revision)"
    " SELECT gen_random_uuid(), (1000000 + n)::text, md5((n / 4)::text)::uuid, 'owner' || n / 4 || '@example.com',"
    " CAST(:now AS timestamptz) - n * interval '1 second', CAST(:now AS timestamptz) + interval '1 hour'"
    " + n * interval '1 second', n % 4 = 0, 'gh_' || n, 'x', n FROM generate_series(1, :many) AS n"
)
FILL_ACQUISITIONS = text(
    "INSERT INTO acquisitions (id, cookie_id, token, owner_id, owner_email, caller, request_id, client_address,"
    " acquired_time) SELECT gen_random_uuid(), id, token, owner_id, owner_email, 'collector', 'r', '::1',"
    " created_time FROM cookies"
)


class Active:
    """Identity, for whom every account is active."""

    def principals(self, account_ids: Sequence[str]) -> dict[str, Principal]:
        return {one: Principal(one, "a@example.com", "user", "active") for one in account_ids}

    def principal_with_email(self, email: str) -> Principal:
        return Principal(str(ANN), email, "user", "active")


@pytest.fixture
def full_store(store: Store, request: pytest.FixtureRequest) -> Store:
    with long_answers(), store.database.transaction() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(FILL, {"now": store.clock(), "many": getattr(request, "param", MANY)})
        connection.execute(FILL_ACQUISITIONS)
    store.save("1", ANN, "gh_a")
    store.save("2", ANN, "gh_b")
    store.save("3", BOB)
    with long_answers(), store.database.reading() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("ANALYZE"))
    return store


@contextmanager
def statements_of(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is executed within the block, with its parameters."""
    seen: list[tuple[str, Any]] = []
    engine: Engine = database._engine

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def plan(connection: Connection, statement: str, parameters: Any) -> str:
    rows = driver_connection(connection).execute(f"EXPLAIN {statement}".encode(), parameters).fetchall()
    return "\n".join(str(row) for row in rows)


def everything(store: Store) -> Iterator[tuple[int, Callable[[], object]]]:
    """Each thing that the service does with cookies, and how many statements it needs at most."""

    def reading_(rule: Callable[..., object], *arguments: object) -> Callable[[], object]:
        def act() -> object:
            with store.database.reading() as connection:
                return rule(connection, *arguments)

        return act

    def direct(rule: Callable[..., object], *arguments: object) -> Callable[[], object]:
        def act() -> object:
            with store.database.direct() as connection:
                return rule(connection, *arguments)

        return act

    def writing(rule: Callable[..., object], *arguments: object) -> Callable[[], object]:
        def act() -> object:
            with store.database.transaction() as connection:
                return rule(connection, *arguments)

        return act

    now = store.clock()
    handing_out = HandingOut(
        store.database,
        store.vault,
        Active(),
        AuditLog(audit, AUDIT_KEY, store.clock),
        store.clock,
        uuid.uuid4,
    )
    acquirer = Acquirer("collector", "request-1", "127.0.0.1")
    acquired: list[uuid.UUID] = []

    def report() -> object:
        return writing(reports.report, acquired[0], "rate_limited", now)()

    saved: list[uuid.UUID] = []

    def save() -> Cookie:
        with store.database.transaction() as connection:
            return saving.save(connection, store.vault, store.new("4", ANN, "gh_a"))

    yield 1, direct(reading.list_cookies, ANN, now)
    yield 1, direct(reading.current_cookie, ANN, now)
    yield 2, reading_(overview, now)
    yield 4, writing(changing.make_current, ANN, "1", now)
    yield 5, lambda: acquired.append(handing_out.acquire(acquirer, owner_id=ANN).id)
    yield 5, lambda: handing_out.acquire(acquirer, owner_email=EMAILS[ANN])
    yield 5, lambda: handing_out.acquire(acquirer, owner_id=ANN, token="2")
    yield 3, report
    yield 8, lambda: saved.append(save().id)
    yield 1, reading_(budget.take, ANN, BudgetLimits(), datetime.timedelta(), now)
    yield 1, reading_(health.limited, saved[0], now, HealthReason.RET_200013, now)
    yield 1, reading_(health.heard_ok, saved[0], now, now)
    yield 4, writing(health.ended, ANN, saved[0], HealthReason.RET_200003, now)
    yield 3, lambda: store.folders.sync("4")
    yield 4, writing(changing.delete_cookie, ANN, "4", now)
    yield 2, lambda: store.folders.sync("4")
    yield 3, writing(expiry.remove_expired, ANN, now)
    yield 1, reading_(expiry.owners_of_expired, now)
    yield 1, reading_(expiry.next_expiry)
    yield 4, writing(cascade.delete_owner, BOB, now)


@pytest.mark.parametrize("full_store", [MANY, A_MILLION], indirect=True)
def test_no_statement_of_a_call_reads_a_whole_table(full_store: Store) -> None:
    with statements_of(full_store.database) as seen:
        for _, act in everything(full_store):
            act()
    about_tables = [one for one in seen if "cookies" in one[0] or "acquisitions" in one[0]]
    assert len(about_tables) > 20
    with full_store.database.transaction() as connection:
        for statement, parameters in about_tables:
            shown = plan(connection, statement, parameters)
            assert "Seq Scan on cookies" not in shown, f"{statement}\n{shown}"
            assert "Seq Scan on acquisitions" not in shown, f"{statement}\n{shown}"


def test_the_list_needs_no_sort_however_many_cookies_an_owner_has(full_store: Store) -> None:
    with full_store.database.transaction() as connection:
        hoard = text("UPDATE cookies SET owner_id = :bob, is_current = false WHERE token::bigint % 10 = 0")
        connection.execute(hoard, {"bob": BOB})
        connection.execute(text("ANALYZE cookies"))
    with statements_of(full_store.database) as seen, full_store.database.direct() as connection:
        assert len(reading.list_cookies(connection, BOB, full_store.clock())) == reading.MOST_LISTED
    ((statement, parameters),) = seen
    with full_store.database.transaction() as connection:
        shown = plan(connection, statement, parameters)
    assert "cookies_newest_of_owner_idx" in shown
    assert "Sort" not in shown


def test_each_call_needs_no_more_statements_than_it_must(full_store: Store) -> None:
    for number, (most, act) in enumerate(everything(full_store)):
        with statements_of(full_store.database) as seen:
            act()
        assert len(seen) == most, (number, [statement for statement, _ in seen])


def test_a_sweep_of_nothing_reads_by_index(full_store: Store) -> None:
    with statements_of(full_store.database) as seen:
        Sweeper(full_store.database, full_store.clock).sweep()
    with full_store.database.transaction() as connection:
        for statement, parameters in seen:
            if "deleted_owners" not in statement:
                assert "Seq Scan" not in plan(connection, statement, parameters), statement


def test_comparing_folders_with_the_database_reads_pages_by_index_and_nothing_for_each(
    full_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "PAGE", 500)
    with full_store.database.transaction() as connection:
        connection.execute(text("DELETE FROM cookies WHERE token::bigint > 1002000 OR token::bigint < 10"))
        for token, revision in connection.execute(text("SELECT token, revision FROM cookies")):
            (full_store.root / token).mkdir()
            os.utime(full_store.root / token, ns=(revision * 1000, revision * 1000))
    with statements_of(full_store.database) as seen:
        full_store.folders.reconcile()
    assert len(seen) == 2000 // 500 + 1
    assert all("ORDER BY cookies.token" in statement for statement, _ in seen)
    with full_store.database.transaction() as connection:
        shown = plan(connection, *seen[0])
    assert "cookies_token_key" in shown
    assert "Sort" not in shown
