"""Parsing and formatting of times and durations."""

import datetime

from fastmp.cli.failures import UsageError

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MARGIN = datetime.timedelta(days=2)


def parse(moment: str) -> datetime.datetime:
    """Parses an RFC 3339 time. Raises ValueError if it is invalid or has no offset from UTC."""
    parsed = datetime.datetime.fromisoformat(moment)
    if parsed.tzinfo is None:
        raise ValueError("a moment needs its offset from UTC")
    return parsed


def shown(moment: str | None) -> str:
    """Formats a time in local time, or with its own offset if local time has no such year; "" for None."""
    if not moment:
        return ""
    parsed, zone = parse(moment), ""
    try:
        parsed = parsed.astimezone()
    except (OverflowError, ValueError, OSError):
        # In local time, the year would be less than 1 or greater than 9999.
        zone = parsed.strftime(" %Z")
    return parsed.replace(tzinfo=None).isoformat(" ", "minutes") + zone


def for_server(local: datetime.datetime) -> str:
    """Converts a local time to RFC 3339 in UTC. Raises UsageError if its year in UTC is not from 1 to 9999."""
    try:
        moment = local - _offset(local)
    except OverflowError as error:
        raise UsageError("in UTC, that time is outside the years 1 to 9999") from error
    return moment.replace(tzinfo=datetime.UTC).isoformat()


def _offset(local: datetime.datetime) -> datetime.timedelta:
    # Python examines the days around the time for changes of the offset, and fails at the ends of the calendar.
    nearest = local.replace(tzinfo=None)
    nearest = min(max(nearest, datetime.datetime.min + MARGIN), datetime.datetime.max - MARGIN)  # noqa: DTZ901
    offset = nearest.astimezone().utcoffset()
    if offset is None:
        raise ValueError("local time has no offset from UTC")
    return offset


def left(moment: str | None, now: datetime.datetime) -> str:
    """Formats the time from `now` to `moment` in its two greatest units; "" for None."""
    if not moment:
        return ""
    seconds = int((parse(moment) - now).total_seconds())
    if seconds <= 0:
        return "over"
    if seconds >= DAY:
        return f"{seconds // DAY} d {seconds % DAY // HOUR} h"
    if seconds >= HOUR:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"
    return countdown(seconds)


def countdown(seconds: float) -> str:
    """Formats seconds as minutes and seconds, such as "4:07"."""
    whole = max(0, int(seconds))
    return f"{whole // MINUTE}:{whole % MINUTE:02}"


def now() -> datetime.datetime:
    """Returns the current time in UTC."""
    return datetime.datetime.now(datetime.UTC)
