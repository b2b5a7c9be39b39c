"""The rows of second factors: an account's encrypted TOTP secret, the last step used, and its recovery codes."""

import datetime
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, delete, func, insert, null, select, update

from services.chassis.key_rotation import EncryptedColumn
from services.identity.tables import accounts, recovery_codes

ENCRYPTED = (EncryptedColumn(accounts.c.id, accounts.c.totp_secret),)


@dataclass(frozen=True)
class StoredFactor:
    """A stored second factor. `secret` is encrypted; it is None for an account that has not enrolled."""

    secret: bytes | None = field(repr=False)
    is_enabled: bool
    # The time step (TOTP, RFC 6238) of the last code that was accepted.
    last_step: int


_IS_ACCOUNT = accounts.c.id == bindparam("account")
_LOCK = (
    select(accounts.c.totp_secret, accounts.c.totp_confirmed_at.is_not(None), accounts.c.totp_last_step)
    .where(_IS_ACCOUNT)
    .with_for_update(key_share=True)
)
_ENROL = update(accounts).where(_IS_ACCOUNT).values(totp_secret=bindparam("secret"))
_ENABLE = (
    update(accounts)
    .where(_IS_ACCOUNT)
    .values(totp_confirmed_at=bindparam("now"), totp_last_step=bindparam("step"), updated_at=bindparam("now"))
)
_USE = update(accounts).where(_IS_ACCOUNT).values(totp_last_step=bindparam("step"))
_REMOVE = (
    update(accounts)
    .where(_IS_ACCOUNT)
    .values(totp_secret=null(), totp_confirmed_at=null(), totp_last_step=0, updated_at=bindparam("now"))
)
_OF_ACCOUNT = recovery_codes.c.account_id == bindparam("account")
_TAKE = (
    delete(recovery_codes)
    .where(_OF_ACCOUNT, recovery_codes.c.digest == bindparam("digest"))
    .returning(recovery_codes.c.digest)
)
_FORGET = delete(recovery_codes).where(_OF_ACCOUNT)
_LEFT = select(func.count()).select_from(recovery_codes).where(_OF_ACCOUNT)


def lock(connection: Connection, account_id: uuid.UUID) -> StoredFactor | None:
    """Returns the second factor and locks the account until the transaction ends; None without the account.

    Every other function here needs the lock.
    """
    row = connection.execute(_LOCK, {"account": account_id}).one_or_none()
    return None if row is None else StoredFactor(*row)


def enrol(connection: Connection, account_id: uuid.UUID, secret: bytes) -> None:
    """Stores an encrypted secret that is not confirmed yet, in place of the previous one."""
    connection.execute(_ENROL, {"account": account_id, "secret": secret})


def enable(
    connection: Connection, account_id: uuid.UUID, step: int, codes: Iterable[str], now: datetime.datetime
) -> None:
    """Marks the secret as confirmed by the code of `step`, and stores the recovery codes."""
    connection.execute(_ENABLE, {"account": account_id, "step": step, "now": now})
    connection.execute(
        insert(recovery_codes), [{"account_id": account_id, "digest": _digest(code)} for code in codes]
    )


def use_step(connection: Connection, account_id: uuid.UUID, step: int) -> None:
    """Marks the codes up to that of `step` as used."""
    connection.execute(_USE, {"account": account_id, "step": step})


def take_recovery_code(connection: Connection, account_id: uuid.UUID, code: str) -> bool:
    """Deletes the recovery code. Returns whether the account had it."""
    values = {"account": account_id, "digest": _digest(code)}
    return connection.execute(_TAKE, values).one_or_none() is not None


def recovery_codes_left(connection: Connection, account_id: uuid.UUID) -> int:
    """Returns the number of recovery codes that were not used."""
    return int(connection.execute(_LEFT, {"account": account_id}).scalar_one())


def remove(connection: Connection, account_id: uuid.UUID, now: datetime.datetime) -> None:
    """Deletes the secret and the recovery codes. Idempotent."""
    connection.execute(_REMOVE, {"account": account_id, "now": now})
    connection.execute(_FORGET, {"account": account_id})


def _digest(code: str) -> bytes:
    # A code has 80 random bits, so that a plain digest of it cannot be reversed.
    return hashlib.sha256(code.encode()).digest()
