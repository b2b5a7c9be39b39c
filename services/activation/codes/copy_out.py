"""A fast COPY … TO STDOUT in blocks."""

from collections.abc import Generator, Mapping
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus


def copy_out(
    connection: "psycopg.Connection[Any]",
    statement: str,
    parameters: Mapping[str, Any],
    block_bytes: int,
    start: bytes = b"",
) -> Generator[bytes, None, None]:
    """Yields `start` and the output of `statement` in blocks of at least `block_bytes`, except the last one.

    Closing the generator early cancels the query. Raises psycopg.Error.
    """
    # psycopg waits for each row separately, which for a million rows costs more than the rest of
    # an export. Rows that libpq has already received need no waiting.
    take = connection.pgconn.get_copy_data
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        block = bytearray(start)
        while True:
            length, row = take(1)
            if length < 0:
                _expect_success(connection)
                break
            if length == 0:
                row = memoryview(copy.read())
                if not row:
                    break
            block += row
            if len(block) >= block_bytes:
                yield bytes(block)
                block.clear()
    if block:
        yield bytes(block)


def _expect_success(connection: "psycopg.Connection[Any]") -> None:
    result = connection.pgconn.get_result()
    while connection.pgconn.get_result() is not None:
        pass
    if result is None or result.status != ExecStatus.COMMAND_OK:
        raise error_from_result(result) if result else psycopg.OperationalError("COPY ended without a result")
