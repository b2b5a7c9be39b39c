"""Exports codes as a CSV file that PostgreSQL writes, in blocks."""

import datetime
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select, text

from services.activation.codes.copy_out import copy_out
from services.activation.codes.listing import NEWEST_FIRST, Filter, conditions, count_matching, has_expired
from services.activation.tables import activation_codes
from services.chassis.errors import ThrottledError
from services.chassis.identity.statuses import EXPIRED
from services.chassis.language import Localized
from services.chassis.postgres.database import Database, driver_connection

BLOCK_BYTES = 128 * 1024
# Marks a CSV file as UTF-8 for Excel; without it a Chinese Excel reads GBK.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Each export uses a connection of the pool until its client has read everything.
MOST_EXPORTS = 3
# Spreadsheets treat a cell that begins with one of these as a formula (OWASP, "CSV Injection").
FORMULA_STARTS = "=+-@\t\r"
# Many times longer than a million codes take over a slow connection.
LONGEST_EXPORT = "30min"

_code = activation_codes.c


class ExportsBusyError(ThrottledError):
    """The limit of concurrent exports is reached."""

    reason = "EXPORTS_BUSY"
    message = Localized("正在进行的导出过多，请稍后再试", "Too many exports are running; try again later")


@dataclass(frozen=True)
class Export:
    """A CSV file: the number of codes, without the header, and the content in blocks of about 128 KiB."""

    rows: int
    blocks: Iterator[bytes]


class Exports:
    """Runs a limited number of concurrent exports. Thread-safe.

    With `byte_order_mark` files begin with one.
    """

    def __init__(self, database: Database, *, byte_order_mark: bool) -> None:
        self._database = database
        self._start = BYTE_ORDER_MARK if byte_order_mark else b""
        self._slots = threading.BoundedSemaphore(MOST_EXPORTS)

    @contextmanager
    def open(self, wanted: Filter, now: datetime.datetime) -> Iterator[Export]:
        """Context with the file and its number of rows in one snapshot; leaving it early cancels the query.

        Raises ExportsBusyError, DatabaseUnavailableError.
        """
        if not self._slots.acquire(blocking=False):
            raise ExportsBusyError(retry_after=datetime.timedelta(seconds=10))
        try:
            with (
                self._database.snapshot() as connection,
                closing(_blocks(connection, wanted, now, self._start)) as blocks,
            ):
                yield Export(count_matching(connection, wanted, now), blocks)
        finally:
            self._slots.release()


def _blocks(
    connection: Connection, wanted: Filter, now: datetime.datetime, start: bytes
) -> Generator[bytes, None, None]:
    connection.execute(text(f"SET LOCAL statement_timeout = '{LONGEST_EXPORT}'"))
    if not wanted.has_text and wanted.status != EXPIRED:
        # A sort would delay the first row; an index returns these rows in order.
        connection.execute(text("SET LOCAL enable_sort = off"))
    compiled = _rows(wanted, now).compile(dialect=connection.dialect)
    copy = f"COPY ({compiled}) TO STDOUT (FORMAT csv, HEADER)"
    return copy_out(driver_connection(connection), copy, compiled.params, BLOCK_BYTES, start)


def _rows(wanted: Filter, now: datetime.datetime) -> Select[Any]:
    return (
        select(
            _code.id,
            _code.activation_code,
            _defused(_code.user_email).label("user_email"),
            case((has_expired(now), EXPIRED), else_=_code.activation_status).label("activation_status"),
            _code.valid_days,
            _code.create_time,
            _code.update_time,
            _code.activation_time,
            _code.expiry_date,
        )
        .where(*conditions(wanted, now))
        .order_by(*NEWEST_FIRST)
    )


def _defused(cell: ColumnElement[Any]) -> ColumnElement[Any]:
    is_formula = func.strpos(FORMULA_STARTS, func.left(cell, 1)) > 0
    return case((is_formula, func.concat("'", cell)), else_=cell)
