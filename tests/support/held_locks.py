"""Holds rows of a service's database locked, so that a call stands still at a known point of its way."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from tests.support.waiting import wait_until

# A process that waits for one that waits for us is held up by us as well.
_HELD_UP = """
    WITH RECURSIVE held (pid) AS (
        SELECT %s::int
        UNION
        SELECT activity.pid FROM pg_stat_activity AS activity, held
        WHERE activity.datname = current_database() AND held.pid = ANY (pg_blocking_pids(activity.pid))
    )
    SELECT count(*) - 1 FROM held
"""


@dataclass(frozen=True)
class HeldRows:
    """Locked rows. `release` lets those that wait go on."""

    _holder: "psycopg.Connection[Any]"
    _watcher: "psycopg.Connection[Any]"

    def wait_for_waiters(self, count: int = 1, seconds: float = 10) -> None:
        """Returns when `count` statements stand still because of these rows."""
        pid = self._holder.info.backend_pid

        def held_up() -> bool:
            found = self._watcher.execute(_HELD_UP, (pid,)).fetchone()
            return found is not None and found[0] >= count

        wait_until(held_up, f"{count} statements wait for the locked rows", seconds)

    def release(self) -> None:
        """Unlocks the rows. Idempotent, also when the server was killed meanwhile: nothing is locked then."""
        with contextlib.suppress(psycopg.OperationalError):
            self._holder.rollback()


@contextlib.contextmanager
def held_rows(database_url: str, select_for_update: LiteralString, *values: object) -> Iterator[HeldRows]:
    """Locks the rows of a `SELECT … FOR UPDATE`, or takes the advisory lock that a SELECT takes.

    Until `release` or the end of the block. Raises LookupError when there is no such row.
    """
    with (
        psycopg.connect(database_url, application_name="held-rows") as holder,
        psycopg.connect(database_url, autocommit=True, application_name="held-rows") as watcher,
    ):
        if holder.execute(select_for_update, values).fetchone() is None:
            raise LookupError("there is no such row")
        held = HeldRows(holder, watcher)
        yield held
        held.release()
