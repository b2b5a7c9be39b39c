"""Deletes codes: their rows, and their text in the stored answers of GenerateCodes."""

import uuid

from sqlalchemy import ColumnElement, Connection, delete

from services.activation.codes.codes import CodeNotFoundError
from services.activation.codes.generation import blank_answers
from services.activation.tables import activation_codes

_code = activation_codes.c


def remove(connection: Connection, activation_code: str) -> uuid.UUID:
    """Deletes the code and returns its id. Needs a transaction. Raises CodeNotFoundError."""
    removed = remove_matching(connection, _code.activation_code == activation_code)
    if not removed:
        raise CodeNotFoundError
    return removed[0]


def remove_of_account(connection: Connection, account_id: uuid.UUID) -> int:
    """Deletes the codes that an account has redeemed and returns their number. Needs a transaction. Idempotent."""
    return len(remove_matching(connection, _code.account_id == account_id))


def remove_matching(connection: Connection, condition: ColumnElement[bool]) -> list[uuid.UUID]:
    """Deletes the codes that match the condition and returns their ids. Needs a transaction. Idempotent."""
    columns = (_code.id, _code.activation_code, _code.create_time)
    removed = connection.execute(delete(activation_codes).where(condition).returning(*columns)).all()
    if removed:
        blank_answers(
            connection, {row.activation_code for row in removed}, {row.create_time for row in removed}
        )
    return [row.id for row in removed]
