"""Housekeeping on real PostgreSQL: chores go on through a database that is not migrated yet."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from services.chassis.housekeeping import Housekeeping
from services.chassis.postgres.database import Database
from tests.support.postgres import FreshDatabase
from tests.support.waiting import wait_until


@pytest.fixture
def database(fresh_database: FreshDatabase) -> Iterator[Database]:
    database = Database(fresh_database("activation"))
    yield database
    database.dispose()


class Chore:
    """Empties a table that no migration has made yet, and counts its runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.runs = 0
        self.removed = 0

    def run(self) -> int:
        self.runs += 1
        with self._database.transaction() as connection:
            removed = connection.execute(text("DELETE FROM later")).rowcount
        self.removed += removed
        return removed


@pytest.fixture
def chores(database: Database) -> Iterator[list[Chore]]:
    chores = [Chore(database), Chore(database)]
    housekeeping = Housekeeping({str(number): chore.run for number, chore in enumerate(chores)})
    housekeeping.start()
    yield chores
    housekeeping.stop()


def test_chores_go_on_when_the_database_is_migrated_after_the_start(
    database: Database, chores: list[Chore]
) -> None:
    wait_until(lambda: all(chore.runs for chore in chores), "each chore has failed")

    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE later AS SELECT 1 AS one"))

    wait_until(lambda: sum(chore.removed for chore in chores) == 1, "a chore has done its work")
