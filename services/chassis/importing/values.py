"""Values of a source's rows, checked: each is text or missing."""

import datetime
import re
import uuid
from collections.abc import Collection

BAD_ID = "BAD_ID"
BAD_TIME = "BAD_TIME"
BAD_NUMBER = "BAD_NUMBER"
UNKNOWN_STATUS = "UNKNOWN_STATUS"
UNKNOWN_ROLE = "UNKNOWN_ROLE"
ACCOUNT_MISSING = "ACCOUNT_MISSING"

_NUMBER = re.compile("[0-9]{1,9}")


class LeftOutError(Exception):
    """A row is not imported. `reason` is one of those in docs/operations/moving-in.md."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def identifier(value: str | None) -> uuid.UUID:
    """Returns the id, a UUID of 36 characters. Raises LeftOutError."""
    try:
        found = uuid.UUID(value or "")
    except ValueError:
        raise LeftOutError(BAD_ID) from None
    if str(found) != (value or "").lower():
        raise LeftOutError(BAD_ID)
    return found


def time(value: str | None) -> datetime.datetime | None:
    """Returns the time in UTC, or None if there is none. One without a zone is in UTC. Raises LeftOutError."""
    if not value:
        return None
    try:
        found = datetime.datetime.fromisoformat(value.strip())
        zoned = found.replace(tzinfo=datetime.UTC) if found.tzinfo is None else found
        return zoned.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise LeftOutError(BAD_TIME) from None


def needed_time(value: str | None) -> datetime.datetime:
    """Returns the time, as time(). Raises LeftOutError if there is none."""
    found = time(value)
    if found is None:
        raise LeftOutError(BAD_TIME)
    return found


def choice(value: str | None, known: Collection[str], reason: str) -> str:
    """Returns the value in lower case if it is known. Raises LeftOutError with the reason."""
    found = (value or "").strip().lower()
    if found not in known:
        raise LeftOutError(reason)
    return found


def number(value: str | None, least: int, most: int) -> int:
    """Returns the whole number between `least` and `most`. Raises LeftOutError."""
    if value is None or _NUMBER.fullmatch(value) is None or not least <= int(value) <= most:
        raise LeftOutError(BAD_NUMBER)
    return int(value)


def flag(value: str | None) -> bool:
    """Returns whether the value is a true boolean of SQLite or PostgreSQL."""
    return (value or "").lower() in {"1", "true", "t"}
