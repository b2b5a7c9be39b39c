"""Pruning the audit log on real PostgreSQL: old entries go, and the rest still begins at an anchor."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from sqlalchemy import insert, select

from tests.service.chassis.audit_world import DAY, KEEP, NOW, World


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
