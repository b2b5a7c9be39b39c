"""The audit log on real PostgreSQL: what is written stays as it was written, or it is noticed."""

import datetime
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import structlog
from sqlalchemy import Engine, MetaData, create_engine, exc, make_url, text

from deploy.local.postgres import PostgresServer
from services.chassis.audit.recording import AuditLog, Event
from services.chassis.audit.schema_v1 import CREATE, DROP
from services.chassis.audit.sealing import Sealer
from services.chassis.audit.tables import AuditTables, audit_tables
from services.chassis.audit.verifying import Anchor, Verdict, verify
from services.chassis.postgres.database import Database
from tests.support.held_locks import held_rows
from tests.support.waiting import wait_until

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC)
KEY = b"k" * 32


@dataclass
class World:
    database: Database
    tables: AuditTables
    log: AuditLog
    sealer: Sealer

    def record(self, *actions: str) -> None:
        for action in actions:
            with self.database.transaction() as connection:
                self.log.record(connection, Event(action, target="t", details={"z": "1", "a": "值"}))

    def tamper(self, statement: str) -> None:
        """Changes the table as somebody would who owns it: with the trigger out of the way."""
        with self.database.transaction() as connection:
            connection.execute(text("ALTER TABLE audit_log DISABLE TRIGGER USER"))
            connection.execute(text(statement))
            connection.execute(text("ALTER TABLE audit_log ENABLE TRIGGER USER"))

    def verdict(self, after: int = 0, anchor: Anchor | None = None, key: bytes = KEY) -> Verdict:
        with self.database.snapshot() as connection:
            return verify(connection, self.tables, key, after, anchor)


@pytest.fixture
def world(postgres_server: PostgresServer) -> Iterator[World]:
    url = postgres_server.url("postgres")
    metadata = MetaData()
    tables = audit_tables(metadata)
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    run(engine, CREATE)
    database = Database(url, pool_size=4)
    yield World(database, tables, AuditLog(tables, lambda: NOW), Sealer(database, tables, KEY))
    database.dispose()
    run(engine, DROP)
    engine.dispose()


def run(engine: Engine, statements: Sequence[str]) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_an_untouched_log_is_intact(world: World) -> None:
    assert world.verdict() == Verdict(0, 0, b"", True)
    world.record("a", "b", "c")
    assert world.sealer.seal() == 3
    verdict = world.verdict()
    assert (verdict.intact, verdict.complete, verdict.checked, verdict.position) == (True, True, 3, 3)


def test_a_rolled_back_transaction_leaves_no_entry(world: World) -> None:
    with pytest.raises(ZeroDivisionError), world.database.transaction() as connection:
        world.log.record(connection, Event("a"))
        raise ZeroDivisionError
    assert world.sealer.seal() == 0


@pytest.mark.parametrize(
    ("statement", "reason", "position"),
    [
        ("UPDATE audit_log SET action = 'x' WHERE position = 2", "CHANGED", 2),
        ("UPDATE audit_log SET details = '{}' WHERE position = 3", "CHANGED", 3),
        ("UPDATE audit_log SET time = time + interval '1 microsecond' WHERE position = 1", "CHANGED", 1),
        ("UPDATE audit_log SET client_address = '::1' WHERE position = 4", "CHANGED", 4),
        ("DELETE FROM audit_log WHERE position = 2", "MISSING", 2),
        ("DELETE FROM audit_log WHERE position = 4", "HEAD_MISMATCH", 4),
        ("DELETE FROM audit_log", "HEAD_MISMATCH", 1),
        ("UPDATE audit_log SET position = NULL, digest = NULL WHERE position = 4", "HEAD_MISMATCH", 4),
        ("UPDATE audit_head SET position = 9", "HEAD_MISMATCH", 5),
    ],
)
def test_a_change_is_noticed(world: World, statement: str, reason: str, position: int) -> None:
    world.record("a", "b", "c", "d")
    world.sealer.seal()
    world.tamper(statement)
    verdict = world.verdict()
    assert (verdict.intact, verdict.broken_reason, verdict.broken_position) == (False, reason, position)


def test_a_chain_made_with_another_key_is_no_chain(world: World) -> None:
    world.record("a")
    Sealer(world.database, world.tables, b"x" * 32).seal()
    assert world.verdict().broken_reason == "CHANGED"


def test_a_log_cut_back_to_an_earlier_state_is_noticed_by_an_anchor(world: World) -> None:
    world.record("a")
    world.sealer.seal()
    with world.database.reading() as connection:
        earlier = connection.execute(text("SELECT position, digest FROM audit_head")).one()
    world.record("b", "c")
    world.sealer.seal()
    noted = world.verdict()
    anchor = Anchor(noted.position, noted.digest)
    assert world.verdict(anchor=anchor).intact
    world.tamper("DELETE FROM audit_log WHERE position > 1")
    with world.database.transaction() as connection:
        connection.execute(
            text("UPDATE audit_head SET position = :p, digest = :d"), {"p": 1, "d": earlier.digest}
        )
    assert world.verdict().intact
    assert world.verdict(anchor=anchor).broken_reason == "MISSING"
    world.record("x", "y")
    world.sealer.seal()
    assert world.verdict(anchor=anchor).broken_reason == "ANCHOR_MISMATCH"


def test_the_table_itself_refuses_to_forget(world: World) -> None:
    world.record("a")
    world.sealer.seal()
    for statement in (
        "UPDATE audit_log SET action = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_log SET position = NULL",
    ):
        with (
            pytest.raises(exc.DBAPIError, match="append-only"),
            world.database.transaction() as connection,
        ):
            connection.execute(text(statement))


def test_replicas_that_seal_at_once_make_one_chain(world: World) -> None:
    writers = [threading.Thread(target=world.record, args=["a"] * 50) for _ in range(4)]
    others = [Sealer(world.database, world.tables, KEY) for _ in range(3)]
    for sealer in others:
        sealer.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    wait_until(lambda: world.verdict().checked == 200)
    for sealer in others:
        sealer.stop()
    assert world.verdict().intact


def test_of_sealers_that_looked_at_once_each_entry_is_sealed_by_one(
    world: World, postgres_server: PostgresServer
) -> None:
    world.record("a", "b", "c")
    others = [Sealer(world.database, world.tables, KEY) for _ in range(2)]
    head = "SELECT FROM audit_head FOR UPDATE"
    with ThreadPoolExecutor(2) as pool, held_rows(postgres_server.url("postgres"), head) as held:
        sealed = [pool.submit(sealer.seal) for sealer in others]
        held.wait_for_waiters(2)
        # What the second one to go on finds behind the head that the first one moved.
        world.record("d")
        held.release()
        counts = sorted(future.result(30) for future in sealed)
    assert counts == [1, 3]
    verdict = world.verdict()
    assert (verdict.intact, verdict.complete, verdict.checked) == (True, True, 4)


def test_a_long_log_is_verified_piece_by_piece(world: World) -> None:
    world.record(*"abcdef")
    world.sealer.seal()
    assert world.verdict(after=4).checked == 2
    assert world.verdict(after=6).intact
    assert world.verdict(after=7).broken_reason == "MISSING"
    world.tamper("UPDATE audit_log SET action = 'x' WHERE position = 6")
    broken = world.verdict(after=4)
    assert (broken.checked, broken.position, broken.broken_position) == (1, 5, 6)


def test_a_sealer_that_starts_before_the_tables_are_there_seals_once_they_are(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.url("postgres")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    database, tables = Database(url, pool_size=4), audit_tables(MetaData())
    sealer = Sealer(database, tables, KEY)
    with structlog.testing.capture_logs() as logs:
        sealer.start()
        wait_until(lambda: bool(logs))
    run(engine, CREATE)
    world = World(database, tables, AuditLog(tables, lambda: NOW), sealer)
    world.record("a")
    wait_until(lambda: world.verdict().checked == 1)
    sealer.stop()
    database.dispose()
    run(engine, DROP)
    engine.dispose()


def test_an_entry_wakes_a_sealer_that_sleeps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than the test waits.
    monkeypatch.setattr("services.chassis.audit.sealing.IDLE_SECONDS", 600.0)
    world.log = AuditLog(world.tables, lambda: NOW, world.sealer.nudge)
    world.record("seen at the first look")
    world.sealer.start()
    wait_until(lambda: world.verdict().checked == 1)
    world.record("written while it sleeps")
    wait_until(lambda: world.verdict().checked == 2)
    world.sealer.stop()
    assert "audit-sealer" not in {thread.name for thread in threading.enumerate()}
