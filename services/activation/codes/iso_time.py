"""Times as the product's data model stores them: text, ISO 8601 in UTC, all of the same width."""

import datetime

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

# The width is fixed, to the microsecond, so that the order of the texts is the order of the times.
PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
# The same format for PostgreSQL's to_char() of a timestamp in UTC.
TO_CHAR = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'


def iso_text(time: datetime.datetime) -> str:
    """`time`, an aware datetime, as it is stored."""
    return time.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class IsoTime(TypeDecorator[datetime.datetime]):
    """A text column that reads and takes aware datetimes. Compared byte by byte, which its format allows."""

    impl = Text(collation="C")
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else iso_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime.datetime | None:  # noqa: ARG002
        return None if value is None else datetime.datetime.fromisoformat(value)
