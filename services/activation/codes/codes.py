"""Activation codes: reading and changing single codes."""

import datetime
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc
from sqlalchemy import Connection, bindparam, select, update

from services.activation.tables import activation_codes, code_batches
from services.chassis.errors import DomainError
from services.chassis.identity.access_days import FROM_NOW
from services.chassis.identity.feed_follower import BATCH
from services.chassis.identity.statuses import EXPIRED, PENDING, effective_status
from services.chassis.language import Localized
from services.chassis.postgres.database import DirectConnection
from services.chassis.postgres.direct_statements import DirectStatement


@dataclass(frozen=True)
class Code:
    """A code. The fields for the account and its times are set together, when it is redeemed."""

    id: uuid.UUID
    # A secret: any account that knows it can redeem it.
    activation_code: str = field(repr=False)
    valid_days: int
    # As stored; see status_at.
    activation_status: str
    user_email: str | None
    account_id: uuid.UUID | None
    expiry_date: datetime.datetime | None
    activation_time: datetime.datetime | None
    create_time: datetime.datetime
    update_time: datetime.datetime
    batch_id: uuid.UUID | None = None
    # See services.chassis.identity.access_days.
    days_from: str = FROM_NOW
    # From then on a pending code cannot be redeemed; None means at any time.
    redeem_before: datetime.datetime | None = None
    # Of the batch.
    note: str | None = None

    def status_at(self, now: datetime.datetime) -> str:
        """Returns the status at `now`: "expired" for an active code past its expiry_date, and if it is too late."""
        if self.is_too_late(now):
            return EXPIRED
        return effective_status(self.activation_status, self.expiry_date, now)

    def is_too_late(self, now: datetime.datetime) -> bool:
        """Returns whether the code was not redeemed before its redeem_before."""
        is_over = self.redeem_before is not None and self.redeem_before <= now
        return is_over and self.activation_status == PENDING


_note = (
    select(code_batches.c.note)
    .where(code_batches.c.id == activation_codes.c.batch_id)
    .correlate(activation_codes)
    .scalar_subquery()
    .label("note")
)
COLUMNS = (*(activation_codes.c[name] for name in Code.__dataclass_fields__ if name != "note"), _note)
_BY_CODE = DirectStatement(select(*COLUMNS).where(activation_codes.c.activation_code == bindparam("code")))


class CodeNotFoundError(DomainError):
    """The code does not exist."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "CODE_NOT_FOUND"
    message = Localized("激活码不存在", "There is no such activation code")


class CodeBoundError(DomainError):
    """An account has redeemed the code, so it cannot become pending again."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "CODE_BOUND"
    message = Localized(
        "激活码已被账号使用，不能恢复为未使用",
        "An account has used the activation code, so it cannot become unused again",
    )


def get(connection: Connection | DirectConnection, activation_code: str) -> Code:
    """Returns the code. Raises CodeNotFoundError."""
    row = _BY_CODE.row(connection, {"code": activation_code})
    if row is None:
        raise CodeNotFoundError
    return Code(*row)


def change(
    connection: Connection,
    activation_code: str,
    valid_days: int | None,
    status: str | None,
    now: datetime.datetime,
) -> Code:
    """Changes the values that are not None, but not the redeeming account and the expiry_date.

    Needs a transaction. Idempotent: a repeat changes nothing. Raises CodeNotFoundError, and CodeBoundError when
    a redeemed code would become pending.
    """
    found = activation_codes.c.activation_code == activation_code
    row = connection.execute(select(*COLUMNS).where(found).with_for_update()).one_or_none()
    if row is None:
        raise CodeNotFoundError
    code = Code(*row)
    if status == PENDING and code.account_id is not None:
        raise CodeBoundError
    values = {
        "valid_days": code.valid_days if valid_days is None else valid_days,
        "activation_status": code.activation_status if status is None else status,
    }
    if values == {"valid_days": code.valid_days, "activation_status": code.activation_status}:
        return code
    statement = update(activation_codes).where(found).values(**values, update_time=now).returning(*COLUMNS)
    return Code(*connection.execute(statement).one())


def redeeming_accounts(connection: Connection) -> Iterator[list[uuid.UUID]]:
    """Yields the ids of all accounts that have redeemed codes, each once, in lists of at most 1,000."""
    account_id = activation_codes.c.account_id
    batch = select(account_id).where(account_id.is_not(None)).distinct().order_by(account_id).limit(BATCH)
    ids = list(connection.execute(batch).scalars())
    while ids:
        yield ids
        ids = list(connection.execute(batch.where(account_id > ids[-1])).scalars())
