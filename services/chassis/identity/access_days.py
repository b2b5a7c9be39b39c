"""The days of access that activation codes give, on top of what an account has left or instead of it."""

import datetime
from typing import Final, Literal, get_args

from services.chassis.identity.statuses import ACTIVE

# The days of a code count from its redemption, whatever the account has left …
FROM_NOW: Final = "now"
# … or from the end of what it has left.
FROM_EXPIRY: Final = "expiry"
DaysFrom = Literal["now", "expiry"]
DAYS_FROM: Final = get_args(DaysFrom)

# The end of access that does not end.
UNLIMITED: Final = datetime.datetime.max.replace(tzinfo=datetime.UTC)


def what_is_left(status: str, expired_time: datetime.datetime | None) -> datetime.datetime | None:
    """Returns the end of the access of an account with this stored status and expired_time; None without access."""
    return (expired_time or UNLIMITED) if status == ACTIVE else None


def extended(left: datetime.datetime | None, redeemed: datetime.datetime, days: int) -> datetime.datetime:
    """Returns the end of the access `days` after `left`, or after `redeemed` if nothing was left by then.

    Not after UNLIMITED.
    """
    start = redeemed if left is None else max(left, redeemed)
    added = datetime.timedelta(days=days)
    return start + added if UNLIMITED - start > added else UNLIMITED
