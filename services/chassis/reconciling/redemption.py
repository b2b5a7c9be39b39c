"""A redemption as one service knows it, for the other one that does not."""

import datetime
import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Redemption:
    """The account that redeemed a code, when, and what the code gave.

    Either it gives access until `expired_time`, or it adds `added_days`; then `expired_time` is what came out, None
    for access without an end. Times are aware.
    """

    activation_code: str = field(repr=False)
    account_id: uuid.UUID
    email: str
    redeemed_time: datetime.datetime
    expired_time: datetime.datetime | None
    added_days: int | None
