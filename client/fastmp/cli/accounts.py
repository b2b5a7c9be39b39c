"""Finds an account by its id or e-mail, as an admin."""

import uuid
from typing import Any
from urllib.parse import quote

from fastmp.cli.failures import CommandError
from fastmp.cli.paging import every_page
from fastmp.cli.rest import RestSession

USERS = "/admin/users"


def account_of(rest: RestSession, user: str) -> dict[str, Any]:
    """Returns the account with the id or e-mail `user`. Raises CommandError if there is none with this e-mail."""
    if _is_id(user):
        return rest.get(f"{USERS}/{quote(user, safe='')}")
    for page in every_page(rest, USERS, email=user):
        for item in page["items"]:
            if item["email"].casefold() == user.casefold():
                account: dict[str, Any] = item
                return account
    raise CommandError(
        f"no account has the e-mail {user}", "Look for it: fastmp admin users list --email PART"
    )


def _is_id(user: str) -> bool:
    try:
        uuid.UUID(user)
    except ValueError:
        return False
    return True
