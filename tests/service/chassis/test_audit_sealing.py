"""Sealing the audit log on real PostgreSQL: genuine entries once, in one chain, by several replicas; no others."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from sqlalchemy import create_engine, make_url, text

from deploy.local.postgres import PostgresServer
from services.chassis.audit.api import AuditReader, VerifyValues
from tests.service.chassis.audit_world import ALL, CREATE, DAY, DROP, KEEP, KEY, World, run
from tests.support.held_locks import held_rows
from tests.support.waiting import wait_until


@pytest.mark.parametrize("mac", ["NULL", "sha256('x')", "decode(repeat('00', 48), 'hex')"])
def test_an_entry_that_the_database_role_writes_is_not_sealed(world: World, mac: str) -> None:
    values = "now(), 'sign_in', 'ok', 'x', '', 'x', '', '', '{}'"
    with world.database.transaction() as connection:
        connection.execute(text(f"INSERT INTO audit_log ({ALL}, mac) VALUES ({values}, {mac})"))
    assert world.sealer.seal() == 0
    assert world.verdict().broken_reason == "FORGED"
    world.record("genuine")
    assert world.sealer.seal() == 1


def test_more_forged_entries_than_a_page_keep_no_genuine_one_from_being_sealed(world: World) -> None:
    values = "now(), 'sign_in', 'ok', 'x', '', 'x', '', '', '{}'::jsonb"
    world.tamper(f"INSERT INTO audit_log ({ALL}) SELECT {values} FROM generate_series(1, 1500)")
    world.record("genuine")
    assert world.sealer.seal() == 1


@pytest.mark.parametrize("pruned", ["", ", pruned_position = 9"])
def test_an_entry_taken_out_before_its_successors_are_sealed_again_is_noticed(
    world: World, pruned: str
) -> None:
    reader = AuditReader(
        world.database, world.tables, KEY, KEEP, lambda: world.now, lambda _ids: {}, lambda: world.sealer.lost
    )
    world.seal("a", "b", "c")
    world.seal("d")
    assert reader.verify(VerifyValues()).intact
    assert world.sealer.lost is None
    # The sealer has the key, and would make a new chain of what is left.
    world.tamper(
        "DELETE FROM audit_log WHERE position = 2;"
        " UPDATE audit_head SET position = 1,"
        f" digest = (SELECT digest FROM audit_log WHERE position = 1) {pruned};"
        " UPDATE audit_log SET position = NULL, digest = NULL WHERE position > 1"
    )
    with structlog.testing.capture_logs() as logs:
        world.seal("e")
    world.tamper("UPDATE audit_head SET pruned_position = 0")
    assert world.verdict().intact
    assert [line["position"] for line in logs if line["event"] == "audit_log_was_cut_back"] == [4]
    verdict = reader.verify(VerifyValues())
    assert (verdict.intact, verdict.broken_reason, verdict.broken_position) == (False, "ANCHOR_MISMATCH", 4)


def test_what_other_replicas_seal_and_prune_is_not_taken_for_a_loss(world: World) -> None:
    other = world.new_sealer()
    world.seal("a", "b")
    for _ in range(3):
        world.record("c")
        other.seal()
        world.seal("d")
    world.now += KEEP + DAY
    world.record("e")
    other.seal()
    assert world.prune() == 8
    world.seal("f")
    assert world.sealer.lost is None
    assert other.lost is None


def test_replicas_that_seal_at_once_make_one_chain(world: World) -> None:
    writers = [threading.Thread(target=world.record, args=["a"] * 50) for _ in range(4)]
    others = [world.new_sealer() for _ in range(3)]
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
    others = [world.new_sealer() for _ in range(2)]
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


def test_a_sealer_that_starts_before_the_tables_are_there_seals_once_they_are(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.url("postgres")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    world = World(url)
    with structlog.testing.capture_logs() as logs:
        world.sealer.start()
        wait_until(lambda: bool(logs))
    run(engine, CREATE)
    world.record("a")
    wait_until(lambda: world.verdict().checked == 1)
    world.sealer.stop()
    world.database.dispose()
    run(engine, DROP)
    engine.dispose()


def test_an_entry_wakes_a_sealer_that_sleeps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than the test waits.
    monkeypatch.setattr("services.chassis.audit.sealing.IDLE_SECONDS", 600.0)
    world.record("seen at the first look")
    world.sealer.start()
    wait_until(lambda: world.verdict().checked == 1)
    world.record("written while it sleeps")
    wait_until(lambda: world.verdict().checked == 2)
    world.sealer.stop()
    assert "audit-sealer" not in {thread.name for thread in threading.enumerate()}
