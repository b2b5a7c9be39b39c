"""Times stored as text: ISO 8601 in UTC, with a fixed width."""

import datetime

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

# The fixed width, to the microsecond, makes the order of the texts that of the times.
PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
# The same format for PostgreSQL's to_char() of a timestamp in UTC.
TO_CHAR = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'


def iso_text(time: datetime.datetime) -> str:
    """Returns `time`, an aware datetime, in the stored format."""
    return time.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class IsoTime(TypeDecorator[datetime.datetime]):
    """A text column type for aware datetimes. Compared bytewise, which its format allows."""

    impl = Text(collation="C")
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else iso_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime.datetime | None:  # noqa: ARG002
        return None if value is None else datetime.datetime.fromisoformat(value)
