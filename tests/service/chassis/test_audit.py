"""The audit log on real PostgreSQL: what is changed, taken out or put in is noticed, and old entries are pruned."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import structlog
from sqlalchemy import MetaData, create_engine, exc, insert, make_url, select, text

from deploy.local.postgres import PostgresServer
from services.chassis.audit.api import AuditReader, VerifyValues
from services.chassis.audit.chain import digest
from services.chassis.audit.recording import Event
from services.chassis.audit.tables import audit_tables
from services.chassis.audit.verifying import Anchor, Verdict
from services.chassis.errors import DomainError
from tests.service.chassis.audit_world import CREATE, DAY, DROP, KEEP, KEY, NOW, World, run
from tests.support.held_locks import held_rows
from tests.support.waiting import wait_until


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


# Another value for each column of an entry; a new column needs one.
CHANGES = {
    "id": "id + 100",
    "time": "time + interval '1 microsecond'",
    "action": "'x'",
    "outcome": "'x'",
    "actor": "'x'",
    "actor_email": "'x'",
    "target": "'x'",
    "client_address": "'x'",
    "request_id": "'x'",
    "details": "'{}'",
    "position": "position + 100",
    "digest": "sha256(digest)",
    "mac": "mac || mac",
}
COLUMNS = [column.name for column in audit_tables(MetaData()).log.columns]
NULLABLE = [column.name for column in audit_tables(MetaData()).log.columns if column.nullable]


@pytest.mark.parametrize("position", [1, 2, 4])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_column_of_a_sealed_entry_is_noticed(world: World, column: str, position: int) -> None:
    world.seal("a", "b", "c", "d")
    world.tamper("ALTER TABLE audit_log ALTER id DROP IDENTITY")
    world.tamper(f"UPDATE audit_log SET {column} = {CHANGES[column]} WHERE position = {position}")
    verdict = world.verdict()
    assert (verdict.intact, verdict.broken_position) == (False, position)


@pytest.mark.parametrize("column", NULLABLE)
def test_a_removed_value_of_a_sealed_entry_is_noticed(world: World, column: str) -> None:
    world.seal("a", "b", "c", "d")
    world.tamper(f"UPDATE audit_log SET {column} = NULL WHERE position = 2")
    assert not world.verdict().intact


@pytest.mark.parametrize("column", sorted({*COLUMNS} - {"id", "position", "digest"}))
def test_a_changed_column_of_an_unsealed_entry_is_noticed_and_never_sealed(world: World, column: str) -> None:
    world.seal("a")
    world.record("b")
    world.tamper(f"UPDATE audit_log SET {column} = {CHANGES[column]} WHERE action = 'b'")
    assert world.verdict().broken_reason == "FORGED"
    world.seal("c")
    verdict = world.verdict()
    assert (verdict.checked, verdict.broken_reason) == (2, "FORGED")


ALL = "time, action, outcome, actor, actor_email, target, client_address, request_id, details"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM audit_log WHERE position = 1", "MISSING"),
        ("DELETE FROM audit_log WHERE position = 2", "MISSING"),
        ("DELETE FROM audit_log WHERE position = 4", "HEAD_MISMATCH"),
        ("DELETE FROM audit_log", "HEAD_MISMATCH"),
        ("UPDATE audit_log SET position = NULL, digest = NULL WHERE position = 4", "HEAD_MISMATCH"),
        ("UPDATE audit_head SET position = 9", "HEAD_MISMATCH"),
        ("UPDATE audit_head SET digest = sha256(digest)", "HEAD_MISMATCH"),
        # Moved: two entries change places, with their digests or without.
        (
            "UPDATE audit_log SET position = -position WHERE position IN (2, 3);"
            " UPDATE audit_log SET position = 5 + position WHERE position < 0",
            "CHANGED",
        ),
        (
            "UPDATE audit_log SET position = -position, digest = (SELECT digest FROM audit_log other"
            " WHERE other.position = 5 - audit_log.position) WHERE position IN (2, 3);"
            " UPDATE audit_log SET position = 5 + position WHERE position < 0",
            "CHANGED",
        ),
        # Put in: at the end of the chain, outside it, and copied from a genuine entry.
        (
            f"INSERT INTO audit_log ({ALL}, position, digest) SELECT {ALL}, 5, digest FROM audit_log"
            " WHERE position = 4",
            "CHANGED",
        ),
        (
            f"INSERT INTO audit_log ({ALL}, position, digest) SELECT {ALL}, 0, digest FROM audit_log"
            " WHERE position = 4",
            "FORGED",
        ),
        (f"INSERT INTO audit_log ({ALL}) SELECT {ALL} FROM audit_log WHERE position = 4", "FORGED"),
        (
            "DROP INDEX audit_log_mac_key;"
            f" INSERT INTO audit_log ({ALL}, mac) SELECT {ALL}, mac FROM audit_log WHERE position = 4",
            "FORGED",
        ),
    ],
)
def test_an_entry_moved_taken_out_or_put_in_is_noticed(world: World, statement: str, reason: str) -> None:
    world.seal("a", "b", "c", "d")
    world.tamper(statement)
    assert world.verdict().broken_reason == reason
    # It stays noticed when the log goes on. An entry at the place of the next one stops it.
    with contextlib.suppress(DomainError, psycopg.Error):
        world.seal("e")
    assert not world.verdict().intact


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


def test_entries_that_the_release_before_sealed_stay_intact(world: World) -> None:
    world.record("a", "b")
    # The release before made no MACs, and its digests covered none.
    world.tamper("UPDATE audit_log SET mac = NULL WHERE action = 'a'")
    last = b""
    with world.database.reading() as connection:
        entries = (
            connection.execute(select(world.tables.log).order_by(world.tables.log.c.id)).mappings().all()
        )
    for position, entry in enumerate(entries, 1):
        last = digest(KEY, last, position, {**entry, "mac": None})
        world.tamper(
            f"UPDATE audit_log SET position = {position}, digest = '\\x{last.hex()}' WHERE id = {entry['id']};"
            f" UPDATE audit_head SET position = {position}, digest = '\\x{last.hex()}'"
        )
    world.seal("c")
    assert (world.verdict().intact, world.verdict().checked) == (True, 3)
    world.tamper("UPDATE audit_log SET actor = 'x' WHERE position = 1")
    assert world.verdict().broken_reason == "CHANGED"


def pruned(world: World) -> None:
    """A log of entries 4 and 5, of which 1 to 3 were pruned."""
    world.seal("a", "b", "c")
    world.now += DAY
    world.seal("d", "e")
    world.now = NOW + KEEP + DAY / 2
    assert world.prune() == 3


def test_a_pruned_log_is_intact_and_goes_on(world: World) -> None:
    pruned(world)
    assert world.prune() == 0
    world.seal("f")
    verdict = world.verdict()
    assert (verdict.intact, verdict.complete, verdict.checked, verdict.position) == (True, True, 3, 6)
    assert world.verdict(after=5).checked == 1
    world.now += KEEP + KEEP
    assert world.prune() == 3
    assert (world.verdict().intact, world.verdict().position) == (True, 6)
    world.seal("g")
    assert (world.verdict().intact, world.verdict().checked) == (True, 1)


def test_a_log_is_pruned_in_batches_by_several_replicas(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.audit.pruning.BATCH", 3)
    world.seal(*"abcdefgh")
    world.now += KEEP + DAY
    with ThreadPoolExecutor(3) as pool:
        counts = [pool.submit(world.prune) for _ in range(3)]
    assert sum(count.result() for count in counts) == 8
    assert world.verdict().intact


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE audit_head SET pruned_position = 2", "PRUNED_MISMATCH"),
        ("UPDATE audit_head SET pruned_position = 0", "PRUNED_MISMATCH"),
        ("UPDATE audit_head SET pruned_digest = sha256(pruned_digest)", "PRUNED_MISMATCH"),
        ("UPDATE audit_head SET pruned_mac = sha256(pruned_mac)", "PRUNED_MISMATCH"),
        ("UPDATE audit_head SET pruned_position = 0, pruned_digest = '', pruned_mac = ''", "MISSING"),
        # More is gone than the anchor says.
        ("DELETE FROM audit_log WHERE position = 4", "MISSING"),
        (
            "DELETE FROM audit_log WHERE position = 4; UPDATE audit_head SET pruned_position = 4,"
            " pruned_digest = (SELECT digest FROM audit_log WHERE position = 5)",
            "PRUNED_MISMATCH",
        ),
        ("DELETE FROM audit_log", "HEAD_MISMATCH"),
    ],
)
def test_a_changed_anchor_and_a_log_cut_further_are_noticed(
    world: World, statement: str, reason: str
) -> None:
    pruned(world)
    world.tamper(statement)
    assert world.verdict().broken_reason == reason
    world.now += KEEP + KEEP
    world.prune()
    assert not world.verdict().intact


def test_pruning_stops_at_a_changed_entry_and_says_at_which(world: World) -> None:
    world.seal("a", "b", "c", "d")
    world.tamper("UPDATE audit_log SET action = 'x' WHERE position = 3")
    world.now += KEEP + DAY
    with structlog.testing.capture_logs() as logs:
        assert world.prune() == 2
    (said,) = logs
    assert (said["event"], said["position"]) == ("audit_pruning_stopped_at_a_changed_entry", 3)


def test_an_entry_made_to_look_old_is_not_pruned(world: World) -> None:
    world.seal("a", "b")
    world.tamper("UPDATE audit_log SET time = time - interval '9 years' WHERE position = 1")
    assert world.prune() == 0
    assert world.verdict().broken_reason == "CHANGED"


def test_a_copy_of_a_pruned_entry_is_not_sealed(world: World) -> None:
    world.seal("a")
    with world.database.reading() as connection:
        row = dict(connection.execute(select(world.tables.log)).mappings().one())
    world.now += KEEP + DAY
    assert world.prune() == 1
    copy = {name: value for name, value in row.items() if name not in ("id", "position", "digest")}
    with world.database.transaction() as connection:
        connection.execute(insert(world.tables.log), copy)
    assert world.sealer.seal() == 0
    assert world.verdict().broken_reason == "FORGED"


def test_a_chain_made_with_another_key_is_no_chain(world: World) -> None:
    world.record("a")
    assert world.new_sealer(b"x" * 32).seal() == 0
    world.sealer.seal()
    assert world.verdict(key=b"x" * 32).broken_reason == "CHANGED"


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


def test_a_long_log_is_verified_piece_by_piece(world: World) -> None:
    world.record(*"abcdef")
    world.sealer.seal()
    assert world.verdict(after=4).checked == 2
    assert world.verdict(after=6).intact
    assert world.verdict(after=7).broken_reason == "MISSING"
    world.tamper("UPDATE audit_log SET action = 'x' WHERE position = 6")
    broken = world.verdict(after=4)
    assert (broken.checked, broken.position, broken.broken_position) == (1, 5, 6)


def test_one_verdict_covers_a_bounded_number_of_entries(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.audit.verifying.MOST_ENTRIES", 3)
    world.seal(*"abcde")
    first = world.verdict()
    assert (first.intact, first.complete, first.checked, first.position) == (True, False, 3, 3)
    rest = world.verdict(after=3)
    assert (rest.intact, rest.complete, rest.checked, rest.position) == (True, True, 2, 5)


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
