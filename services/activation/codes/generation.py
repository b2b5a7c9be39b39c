"""Makes codes, many at a time and once for each request_id."""

import datetime
import re
import uuid
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

import grpc
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from services.activation.codes.codes import Code
from services.activation.codes.iso_time import iso_text
from services.activation.tables import generation_requests
from services.chassis.errors import DomainError
from services.chassis.identity.statuses import PENDING
from services.chassis.postgres.database import driver_connection

ID_BYTES = 16
CODE_BYTES = 16
PIECE_BYTES = ID_BYTES + CODE_BYTES
# Stands in a stored answer for a code that was deleted since.
_BLANK = bytes(PIECE_BYTES)
# A spreadsheet takes such a code for a number, and shows and saves it as one.
_NUMBER = re.compile("[0-9]+e?[0-9]*")
_COPY = """
COPY activation_codes (id, activation_code, activation_status, valid_days, create_time, update_time)
FROM STDIN
"""


class RequestIdReusedError(DomainError):
    """The request_id stands for another request."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "REQUEST_ID_REUSED"
    message = "该 request_id 已用于另一个请求"


@dataclass(frozen=True)
class Generation:
    """A request for `count` codes of `valid_days` each, by an admin. The same request_id means the same request."""

    admin_account_id: uuid.UUID
    valid_days: int
    count: int
    request_id: str | None = None


@dataclass(frozen=True)
class Generated:
    """Codes in the order of lists; `is_new` is false for the repeated answer to a known request_id."""

    codes: list[Code]
    is_new: bool


def generate(
    connection: Connection,
    wanted: Generation,
    now: datetime.datetime,
    random_bytes: Callable[[int], bytes],
) -> Generated:
    """Makes the codes; for a known request_id gives the first answer again, without codes that were deleted since.

    Needs a transaction. When equal request_ids arrive together the table's key decides, and the others wait
    for its answer. Raises RequestIdReusedError. `random_bytes` must be unpredictable.
    """
    drawn = draw(wanted.count, random_bytes)
    if wanted.request_id is not None and not _remember(connection, wanted, drawn, now):
        return Generated(_first_answer(connection, wanted), is_new=False)
    codes = _codes(drawn, wanted.valid_days, now)
    _store(connection, codes)
    return Generated(codes, is_new=True)


def draw(count: int, random_bytes: Callable[[int], bytes]) -> bytes:
    """For each code the bytes of its id and of the code, which no spreadsheet takes for a number."""
    drawn = bytearray(random_bytes(count * PIECE_BYTES))
    for end in range(PIECE_BYTES, len(drawn) + 1, PIECE_BYTES):
        while _NUMBER.fullmatch(drawn[end - CODE_BYTES : end].hex()):
            drawn[end - CODE_BYTES : end] = random_bytes(CODE_BYTES)
    return bytes(drawn)


def blank_answers(connection: Connection, codes: Set[str], create_times: Set[datetime.datetime]) -> None:
    """Blanks deleted codes, made at `create_times`, in the stored answers. Needs a transaction. Idempotent."""
    gone = {bytes.fromhex(code) for code in codes}
    answer = generation_requests.c
    # In one order, so that concurrent deletions do not deadlock.
    answers = (
        select(answer.request_id, answer.codes)
        .where(answer.create_time.in_(create_times))
        .order_by(answer.request_id)
        .with_for_update()
    )
    for request_id, drawn in connection.execute(answers).all():
        kept = b"".join(_BLANK if piece[ID_BYTES:] in gone else piece for piece in _pieces(drawn))
        if kept != drawn:
            blanked = update(generation_requests).where(answer.request_id == request_id).values(codes=kept)
            connection.execute(blanked)


def _first_answer(connection: Connection, wanted: Generation) -> list[Code]:
    statement = select(generation_requests).where(generation_requests.c.request_id == wanted.request_id)
    row = connection.execute(statement).one()
    if Generation(row.admin_account_id, row.valid_days, row.code_count, row.request_id) != wanted:
        raise RequestIdReusedError
    return _codes(row.codes, row.valid_days, row.create_time)


def _remember(connection: Connection, wanted: Generation, drawn: bytes, now: datetime.datetime) -> bool:
    # Where another transaction is about to remember the same id, this waits for the outcome.
    statement = (
        insert(generation_requests)
        .values(
            request_id=wanted.request_id,
            admin_account_id=wanted.admin_account_id,
            valid_days=wanted.valid_days,
            code_count=wanted.count,
            create_time=now,
            codes=drawn,
        )
        .on_conflict_do_nothing(index_elements=[generation_requests.c.request_id])
        .returning(generation_requests.c.request_id)
    )
    return connection.execute(statement).one_or_none() is not None


def _pieces(drawn: bytes) -> Iterator[bytes]:
    return (drawn[start : start + PIECE_BYTES] for start in range(0, len(drawn), PIECE_BYTES))


def _codes(drawn: bytes, valid_days: int, time: datetime.datetime) -> list[Code]:
    made = [
        (uuid.UUID(bytes=piece[:ID_BYTES], version=4), piece[ID_BYTES:].hex())
        for piece in _pieces(drawn)
        if piece != _BLANK
    ]
    made.sort(reverse=True)
    return [Code(id_, code, valid_days, PENDING, None, None, None, None, time, time) for id_, code in made]


def _store(connection: Connection, codes: list[Code]) -> None:
    time = iso_text(codes[0].create_time)
    # UUIDs, hex digits and times hold nothing that the text format of COPY would have escaped.
    lines = [
        f"{code.id}\t{code.activation_code}\t{PENDING}\t{code.valid_days}\t{time}\t{time}\n" for code in codes
    ]
    with driver_connection(connection).cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write("".join(lines))
