"""Verifying the audit log on real PostgreSQL: what is changed, taken out or put in is noticed."""

import contextlib

import psycopg
import pytest
from sqlalchemy import MetaData, select, text

from services.chassis.audit.chain import digest
from services.chassis.audit.tables import audit_tables
from services.chassis.audit.verifying import Anchor, Verdict
from services.chassis.errors import DomainError
from tests.service.chassis.audit_world import ALL, KEY, World


def test_an_untouched_log_is_intact(world: World) -> None:
    assert world.verdict() == Verdict(0, 0, b"", True)
    world.record("a", "b", "c")
    assert world.sealer.seal() == 3
    verdict = world.verdict()
    assert (verdict.intact, verdict.complete, verdict.checked, verdict.position) == (True, True, 3, 3)


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
