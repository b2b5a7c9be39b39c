"""The activation codes of a source, which Identity's and Activation's imports read."""

import datetime
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.chassis.identity.statuses import ACTIVE, PENDING, STATUSES
from services.chassis.importing import values
from services.chassis.importing.report import Report
from services.chassis.importing.source import Row, Source
from services.chassis.importing.values import LeftOutError

BAD_CODE = "BAD_CODE"
CODE_TAKEN = "CODE_TAKEN"
REDEMPTION_INCOMPLETE = "REDEMPTION_INCOMPLETE"

TABLE = "activation_codes"
_REQUIRED = ("id", "activation_code", "valid_days", "activation_status", "user_email", "expiry_date")
_OPTIONAL = ("activation_time", "create_time", "update_time")
_CODE = re.compile(r"[0-9a-f]{32}")
MOST_DAYS = 3650


@dataclass(frozen=True)
class SourceRedemption:
    """Who redeemed a code, by e-mail as the source has it, when, and the end of the access that it gave."""

    user_email: str
    time: datetime.datetime
    expiry_date: datetime.datetime


@dataclass(frozen=True)
class SourceCode:
    """A code with valid values. `redemption` is None for one that was never redeemed."""

    id: uuid.UUID
    activation_code: str = field(repr=False)
    valid_days: int
    activation_status: str
    redemption: SourceRedemption | None
    create_time: datetime.datetime
    update_time: datetime.datetime


def source_codes(source: Source, report: Report) -> Iterator[SourceCode]:
    """Yields the valid codes, of two rows with one code the first; the others are left out in the report."""
    known = set()
    for row in source.rows(TABLE, _REQUIRED, _OPTIONAL):
        with report.checking(row["id"]):
            code = _code(row)
            if code.activation_code in known:
                raise LeftOutError(CODE_TAKEN)
            known.add(code.activation_code)
            yield code


def _code(row: Row) -> SourceCode:
    id_ = values.identifier(row["id"])
    code = (row["activation_code"] or "").strip().lower()
    if _CODE.fullmatch(code) is None:
        raise LeftOutError(BAD_CODE)
    status = values.choice(row["activation_status"], STATUSES, values.UNKNOWN_STATUS)
    redemption = _redemption(row)
    if status == (PENDING if redemption else ACTIVE):
        # Pending and redeemed, or active and not.
        raise LeftOutError(REDEMPTION_INCOMPLETE)
    created = values.needed_time(row["create_time"])
    return SourceCode(
        id_,
        code,
        values.number(row["valid_days"], 1, MOST_DAYS),
        status,
        redemption,
        created,
        values.time(row["update_time"]) or created,
    )


def _redemption(row: Row) -> SourceRedemption | None:
    email = (row["user_email"] or "").strip()
    activated, expires = values.time(row["activation_time"]), values.time(row["expiry_date"])
    if not email and activated is None and expires is None:
        return None
    if not email or activated is None or expires is None:
        raise LeftOutError(REDEMPTION_INCOMPLETE)
    return SourceRedemption(email, activated, expires)
