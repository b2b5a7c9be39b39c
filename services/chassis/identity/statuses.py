"""The roles of accounts, and the activation statuses of accounts and codes."""

import datetime
from typing import Final, Literal, get_args

ADMIN_ROLE: Final = "admin"
USER_ROLE: Final = "user"
PENDING: Final = "pending"
ACTIVE: Final = "active"
EXPIRED: Final = "expired"
# An account without access, or a code that cannot be redeemed, until an admin sets another status.
REVOKED: Final = "revoked"

Role = Literal["admin", "user"]
ActivationStatus = Literal["pending", "active", "expired", "revoked"]
# The text of these tuples is also SQL's list of the values, for CHECK constraints.
ROLES: Final = get_args(Role)
STATUSES: Final = get_args(ActivationStatus)


def effective_status(stored: str, expires: datetime.datetime | None, now: datetime.datetime) -> str:
    """Returns the status at `now`: EXPIRED if `stored` is ACTIVE and `expires` is not after `now`, else `stored`.

    None as `expires` means that it does not expire.
    """
    return EXPIRED if stored == ACTIVE and expires is not None and expires <= now else stored
