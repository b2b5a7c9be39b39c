"""A psycopg connection for asyncio that does not poll, and whose waits for answers end."""

import math
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from services.chassis.postgres.connecting import answer_seconds, close_unanswered

# How often a wait is interrupted although nothing has arrived.
LOOK_SECONDS = 60.0

ResultT = TypeVar("ResultT")


class BoundedAsyncConnection(psycopg.AsyncConnection[Any]):
    """A BoundedConnection for asyncio.

    Unlike its parent it does not wake ten times a second for signals, which the event loop handles.
    """

    async def wait(
        self, gen: PQGen[ResultT], interval: float = LOOK_SECONDS, timeout: float | None = None
    ) -> ResultT:
        """Returns what `gen` returns. Raises psycopg.OperationalError if there is no answer in time."""
        try:
            return await super().wait(gen, interval, answer_seconds() if timeout is None else timeout)
        except psycopg.OperationalError:
            if timeout is None:
                close_unanswered(self)
            raise

    def notifies(
        self, *, timeout: float | None = None, stop_after: int | None = None
    ) -> AsyncGenerator[psycopg.Notify]:
        """Yields notifications as its parent does. Without a `timeout`, waits for the next one without an end."""
        return super().notifies(timeout=math.inf if timeout is None else timeout, stop_after=stop_after)
