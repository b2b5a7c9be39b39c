"""Generates codes in batches, idempotently by request_id."""

import datetime
import re
import uuid
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

import grpc
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from services.activation.codes import batches
from services.activation.codes.batches import Batch
from services.activation.codes.codes import Code
from services.activation.codes.iso_time import iso_text
from services.activation.tables import code_batches, generation_requests
from services.chassis.errors import DomainError
from services.chassis.identity.access_days import FROM_NOW
from services.chassis.identity.statuses import PENDING
from services.chassis.language import Localized
from services.chassis.postgres.database import driver_connection

ID_BYTES = 16
CODE_BYTES = 16
PIECE_BYTES = ID_BYTES + CODE_BYTES
# Replaces deleted codes in a stored answer.
_BLANK = bytes(PIECE_BYTES)
# Spreadsheets would parse such a code as a number and save it as one.
_NUMBER = re.compile("[0-9]+e?[0-9]*")
_COPY = """
COPY activation_codes (id, activation_code, activation_status, valid_days, create_time, update_time, batch_id,
    days_from, redeem_before)
FROM STDIN
"""


class RequestIdReusedError(DomainError):
    """The request_id was used with other values."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "REQUEST_ID_REUSED"
    message = Localized("该 request_id 已用于另一个请求", "This request_id was used for a different request")


@dataclass(frozen=True)
class Generation:
    """An admin's request for `count` codes of `valid_days` each, idempotent by request_id.

    `days_from` and `redeem_before` are as in Code; the note is at most 200 characters.
    """

    admin_account_id: uuid.UUID
    valid_days: int
    count: int
    request_id: str | None = None
    days_from: str = FROM_NOW
    redeem_before: datetime.datetime | None = None
    note: str | None = None


@dataclass(frozen=True)
class Generated:
    """Codes in the order of lists; `is_new` is false for the stored answer to a known request_id."""

    codes: list[Code]
    # None for requests from before there were batches.
    batch_id: uuid.UUID | None
    is_new: bool


def generate(
    connection: Connection,
    wanted: Generation,
    now: datetime.datetime,
    random_bytes: Callable[[int], bytes],
) -> Generated:
    """Generates codes. For a known request_id, returns the first answer without codes that were deleted meanwhile.

    Needs a transaction. Of concurrent calls with the same request_id the first to insert its key wins; the others
    wait for its answer. Raises RequestIdReusedError. `random_bytes` must be unpredictable.
    """
    drawn = draw(wanted.count, random_bytes)
    batch_id = uuid.UUID(bytes=random_bytes(ID_BYTES), version=4)
    if wanted.request_id is not None and not _insert_request(connection, wanted, batch_id, drawn, now):
        return _first_answer(connection, wanted)
    batches.store(
        connection,
        Batch(
            batch_id,
            wanted.note,
            wanted.valid_days,
            wanted.days_from,
            wanted.redeem_before,
            now,
            wanted.admin_account_id,
        ),
    )
    codes = _codes(drawn, wanted, batch_id, now)
    _store(connection, codes)
    return Generated(codes, batch_id, is_new=True)


def draw(count: int, random_bytes: Callable[[int], bytes]) -> bytes:
    """Returns, for each code, the bytes of its id and of the code, which does not look like a number."""
    drawn = bytearray(random_bytes(count * PIECE_BYTES))
    for end in range(PIECE_BYTES, len(drawn) + 1, PIECE_BYTES):
        while _NUMBER.fullmatch(drawn[end - CODE_BYTES : end].hex()):
            drawn[end - CODE_BYTES : end] = random_bytes(CODE_BYTES)
    return bytes(drawn)


def blank_answers(connection: Connection, codes: Set[str], create_times: Set[datetime.datetime]) -> None:
    """Blanks deleted codes, created at `create_times`, in stored answers. Needs a transaction. Idempotent."""
    gone = {bytes.fromhex(code) for code in codes}
    answer = generation_requests.c
    # Always in the same order, so that concurrent deletions do not deadlock.
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


def _first_answer(connection: Connection, wanted: Generation) -> Generated:
    batch = code_batches.c
    statement = (
        select(generation_requests, batch.days_from, batch.redeem_before, batch.note)
        .outerjoin(code_batches, batch.id == generation_requests.c.batch_id)
        .where(generation_requests.c.request_id == wanted.request_id)
    )
    row = connection.execute(statement).one()
    first = Generation(
        row.admin_account_id,
        row.valid_days,
        row.code_count,
        row.request_id,
        row.days_from or FROM_NOW,
        row.redeem_before,
        row.note,
    )
    if first != wanted:
        raise RequestIdReusedError
    return Generated(_codes(row.codes, first, row.batch_id, row.create_time), row.batch_id, is_new=False)


def _insert_request(
    connection: Connection, wanted: Generation, batch_id: uuid.UUID, drawn: bytes, now: datetime.datetime
) -> bool:
    # This waits if another transaction is inserting the same id.
    statement = (
        insert(generation_requests)
        .values(
            request_id=wanted.request_id,
            admin_account_id=wanted.admin_account_id,
            valid_days=wanted.valid_days,
            code_count=wanted.count,
            create_time=now,
            codes=drawn,
            batch_id=batch_id,
        )
        .on_conflict_do_nothing(index_elements=[generation_requests.c.request_id])
        .returning(generation_requests.c.request_id)
    )
    return connection.execute(statement).one_or_none() is not None


def _pieces(drawn: bytes) -> Iterator[bytes]:
    return (drawn[start : start + PIECE_BYTES] for start in range(0, len(drawn), PIECE_BYTES))


def _codes(
    drawn: bytes, wanted: Generation, batch_id: uuid.UUID | None, time: datetime.datetime
) -> list[Code]:
    made = [
        (uuid.UUID(bytes=piece[:ID_BYTES], version=4), piece[ID_BYTES:].hex())
        for piece in _pieces(drawn)
        if piece != _BLANK
    ]
    made.sort(reverse=True)
    terms = (batch_id, wanted.days_from, wanted.redeem_before, wanted.note)
    return [
        Code(id_, code, wanted.valid_days, PENDING, None, None, None, None, time, time, *terms)
        for id_, code in made
    ]


def _store(connection: Connection, codes: list[Code]) -> None:
    # All but their ids and texts is the same.
    one = codes[0]
    time = iso_text(one.create_time)
    before = r"\N" if one.redeem_before is None else iso_text(one.redeem_before)
    rest = f"{PENDING}\t{one.valid_days}\t{time}\t{time}\t{one.batch_id}\t{one.days_from}\t{before}\n"
    # UUIDs, hex digits and times need no escaping in the text format of COPY.
    lines = [f"{code.id}\t{code.activation_code}\t{rest}" for code in codes]
    with driver_connection(connection).cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write("".join(lines))
