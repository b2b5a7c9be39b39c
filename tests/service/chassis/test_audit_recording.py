"""Writing the audit log on real PostgreSQL: in the transaction that does what it records, and append-only."""

import pytest
from sqlalchemy import exc, text

from services.chassis.audit.recording import Event
from tests.service.chassis.audit_world import World


def test_a_rolled_back_transaction_leaves_no_entry(world: World) -> None:
    with pytest.raises(ZeroDivisionError), world.database.transaction() as connection:
        world.log.record(connection, Event("a"))
        raise ZeroDivisionError
    assert world.sealer.seal() == 0


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
