"""What redeeming a code would do to an account, without doing it."""

import datetime
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import DateTime, LargeBinary, bindparam, select

from services.activation.codes.codes import COLUMNS, Code, CodeNotFoundError
from services.activation.redeeming.claims import KNOWN_CODE_ERRORS, earlier_claim
from services.activation.redeeming.guessing import CodeGuessing, Guesser
from services.activation.tables import activation_codes
from services.chassis.identity.access_days import FROM_EXPIRY, UNLIMITED, extended, what_is_left
from services.chassis.identity.principals import AccountRevokedError, Principal
from services.chassis.identity.statuses import PENDING, REVOKED
from services.chassis.postgres.database import Database
from services.chassis.postgres.direct_statements import DirectStatement

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Preview:
    """The end of an account's access now and after the redemption; None without one, or if it does not end."""

    valid_days: int
    days_from: str
    expired_time: datetime.datetime | None
    new_expired_time: datetime.datetime | None
    # Rounded up.
    days_lost: int


class Previews:
    """Previews redemptions. Thread-safe."""

    def __init__(
        self, database: Database, guessing: CodeGuessing, now: Callable[[], datetime.datetime]
    ) -> None:
        self._database = database
        self._guessing = guessing
        self._now = now
        has_guesses_left = guessing.has_guesses_left(
            bindparam("by_account", type_=LargeBinary),
            bindparam("by_address", type_=LargeBinary),
            bindparam("now", type_=DateTime(timezone=True)),
        )
        self._statement = DirectStatement(
            select(*COLUMNS, has_guesses_left).where(
                activation_codes.c.activation_code == bindparam("wanted")
            )
        )

    def preview(self, activation_code: str, account: Principal, address: str) -> Preview:
        """Returns what Redemption.redeem() would do with these arguments; raises and counts the same as it does."""
        if account.activation_status == REVOKED:
            raise AccountRevokedError
        guesser = Guesser(uuid.UUID(account.account_id), address)
        by_account, by_address = self._guessing.keys(guesser)
        now = self._now()
        values = {"wanted": activation_code, "by_account": by_account, "by_address": by_address, "now": now}
        with self._database.direct() as connection:
            row = self._statement.row(connection, values)
        if row is None:
            self._guessing.count(guesser)
            raise CodeNotFoundError
        *columns, has_guesses_left = row
        code = Code(*columns)
        if code.status_at(now) == PENDING:
            if not has_guesses_left:
                self._guessing.check(guesser)
            return _redeemed(code, account, now)
        try:
            earlier_claim(code, guesser.account_id, now)
        except KNOWN_CODE_ERRORS:
            # These errors reveal that the code exists, so they are not raised over the limit.
            self._guessing.check(guesser)
            raise
        # A repeat would change nothing.
        return Preview(code.valid_days, code.days_from, account.expired_time, account.expired_time, 0)


def _redeemed(code: Code, account: Principal, now: datetime.datetime) -> Preview:
    left = what_is_left(account.activation_status, account.expired_time)
    end = extended(left if code.days_from == FROM_EXPIRY else None, now, code.valid_days)
    lost = 0 if left is None else max(0, math.ceil((left - end) / _DAY))
    return Preview(
        code.valid_days, code.days_from, account.expired_time, None if end == UNLIMITED else end, lost
    )
