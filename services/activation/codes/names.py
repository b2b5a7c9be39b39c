"""The names by which an admin looks for something in the audit log: an activation code, a batch's note."""

from sqlalchemy import Connection, bindparam, select

from services.activation.tables import activation_codes, code_batches

MOST = 200

_CODE = select(activation_codes.c.id).where(activation_codes.c.activation_code == bindparam("code"))
_BATCHES = (
    select(code_batches.c.id)
    .where(code_batches.c.note == bindparam("note"))
    .order_by(code_batches.c.create_time.desc())
    .limit(MOST)
)


def ids_named(connection: Connection, name: str) -> list[str]:
    """Returns the ids of the code `name` and of the newest batches with this note, at most MOST batches."""
    codes = connection.execute(_CODE, {"code": name.lower()}).scalars()
    batches = connection.execute(_BATCHES, {"note": name}).scalars()
    return [str(one) for one in (*codes, *batches)]
