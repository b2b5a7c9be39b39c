"""A psycopg connection for asyncio that sleeps while it waits."""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

# How often to look up from waiting, although nothing has come.
LOOK_SECONDS = 60.0

ResultT = TypeVar("ResultT")


class PatientConnection(psycopg.AsyncConnection[Any]):
    """Unlike its parent it does not wake ten times a second for signals: those are the event loop's business."""

    async def wait(
        self, gen: PQGen[ResultT], interval: float = LOOK_SECONDS, timeout: float | None = None
    ) -> ResultT:
        """What `gen` returns. Raises psycopg's timeout when that takes longer than `timeout` seconds."""
        return await super().wait(gen, interval, timeout)
