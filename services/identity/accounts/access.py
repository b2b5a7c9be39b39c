"""The access that the codes of an account give together, in the order in which they were redeemed."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.chassis.identity.access_days import extended


@dataclass(frozen=True)
class RedeemedCode:
    """A code that was applied to an account.

    Either it gives access until `until`, whatever came before, or it adds `added_days` to what was left then.
    """

    activation_code: str = field(repr=False)
    redeemed: datetime.datetime
    until: datetime.datetime | None
    added_days: int | None
    # If days are added: the end of the access that the account had before the codes that count; None without any.
    left_before: datetime.datetime | None
    is_cleared: bool


@dataclass(frozen=True)
class Access:
    """The code that gives an account its access, and the end; both None without access.

    `activation_code` alone is None if the access does not come from a code. The end may be UNLIMITED.
    """

    activation_code: str | None = field(repr=False)
    end: datetime.datetime | None


def access_by(codes: Sequence[RedeemedCode], left: datetime.datetime | None) -> Access:
    """Returns the access after the codes, which are in the order of redemption; before them, it ended at `left`.

    A cleared code that added days counts as if it had never been redeemed. Any other code hides what came before,
    also when it is cleared.
    """
    access = Access(None, left)
    for code in codes:
        if code.added_days is None:
            access = Access(None, None) if code.is_cleared else Access(code.activation_code, code.until)
        elif not code.is_cleared:
            end = extended(access.end, code.redeemed, code.added_days)
            access = Access(code.activation_code, end)
    return access
