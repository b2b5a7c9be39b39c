"""A psycopg connection for asyncio that does not poll."""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

# How often a wait is interrupted although nothing has arrived.
LOOK_SECONDS = 60.0

ResultT = TypeVar("ResultT")


class PatientConnection(psycopg.AsyncConnection[Any]):
    """Unlike its parent it does not wake ten times a second for signals, which the event loop handles."""

    async def wait(
        self, gen: PQGen[ResultT], interval: float = LOOK_SECONDS, timeout: float | None = None
    ) -> ResultT:
        """Returns what `gen` returns. Raises psycopg's timeout error after `timeout` seconds."""
        return await super().wait(gen, interval, timeout)
