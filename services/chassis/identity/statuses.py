"""The roles of accounts, and the activation statuses of accounts and codes."""

import datetime
from typing import Final, Literal, get_args

ADMIN_ROLE: Final = "admin"
USER_ROLE: Final = "user"
PENDING: Final = "pending"
ACTIVE: Final = "active"
EXPIRED: Final = "expired"
# Of an account that an admin has shut out, or a code that cannot be redeemed: only an admin sets another one.
REVOKED: Final = "revoked"

Role = Literal["admin", "user"]
ActivationStatus = Literal["pending", "active", "expired", "revoked"]
# The text of these tuples is also SQL's list of the values, for CHECK constraints.
ROLES: Final = get_args(Role)
STATUSES: Final = get_args(ActivationStatus)


def effective_status(stored: str, expires: datetime.datetime | None, now: datetime.datetime) -> str:
    """The status at `now`: EXPIRED for what is stored as ACTIVE and ends at or before `now`, else `stored`.

    None as `expires` means that it does not end.
    """
    return EXPIRED if stored == ACTIVE and expires is not None and expires <= now else stored
