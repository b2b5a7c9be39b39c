"""Re-encrypts stored secrets with the first key of a vault, while the service runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from sqlalchemy import Column, bindparam, select, update

from services.chassis.postgres.database import Database
from services.chassis.vault import UnreadableSecretError, Vault

_log = structlog.get_logger(__name__)

BATCH = 200


@dataclass(frozen=True)
class EncryptedColumn:
    """A column of ciphertexts, and the primary key of its table."""

    key: Column[object]
    column: Column[bytes]


@dataclass(frozen=True)
class Rotated:
    """Numbers of re-encrypted ciphertexts and of those that no key decrypts."""

    changed: int
    unreadable: int


def rotate(
    database: Database,
    vault: Vault,
    encrypted: Iterable[EncryptedColumn],
    logged: Callable[[object], str] = str,
) -> Rotated:
    """Re-encrypts what is not encrypted with the first key, BATCH rows at a time, without locks in between.

    Idempotent: an interrupted run can be repeated. Rows that the service writes meanwhile are not overwritten.
    `logged` returns the name of a row for the log, by its key.
    """
    changed = unreadable = 0
    for column in encrypted:
        after = None
        while (batch := _batch(database, column, after)) is not None:
            after, ciphertexts = batch
            changes = []
            for key, old in ciphertexts:
                try:
                    new = vault.re_encrypt(old)
                except UnreadableSecretError:
                    unreadable += 1
                    _log.error("secret_unreadable", table=column.column.table.name, row=logged(key))
                    continue
                if new is not None:
                    changes.append({"row": key, "old": old, "new": new})
            changed += _write(database, column, changes)
    return Rotated(changed, unreadable)


def _batch(
    database: Database, encrypted: EncryptedColumn, after: object
) -> tuple[object, list[tuple[object, bytes]]] | None:
    statement = select(encrypted.key, encrypted.column).where(encrypted.column.is_not(None))
    if after is not None:
        statement = statement.where(encrypted.key > after)
    with database.reading() as connection:
        rows = connection.execute(statement.order_by(encrypted.key).limit(BATCH)).all()
    return (rows[-1][0], [(key, old) for key, old in rows]) if rows else None


def _write(database: Database, encrypted: EncryptedColumn, changes: list[dict[str, object]]) -> int:
    if not changes:
        return 0
    # Only if it is unchanged: a ciphertext that the service has written meanwhile is newer.
    statement = (
        update(encrypted.column.table)
        .where(encrypted.key == bindparam("row"), encrypted.column == bindparam("old"))
        .values({encrypted.column: bindparam("new")})
    )
    with database.transaction() as connection:
        return connection.execute(statement, changes).rowcount
