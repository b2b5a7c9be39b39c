"""Moments and time spans: read from the server's form, written for people and for the server."""

import datetime

from fastmp.cli.failures import UsageError

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MARGIN = datetime.timedelta(days=2)


def parse(moment: str) -> datetime.datetime:
    """The moment that RFC 3339 text says. Raises ValueError."""
    parsed = datetime.datetime.fromisoformat(moment)
    if parsed.tzinfo is None:
        raise ValueError("a moment needs its offset from UTC")
    return parsed


def shown(moment: str | None) -> str:
    """A moment in local time, or with its own offset where local time has no such year; "" for none."""
    if not moment:
        return ""
    parsed, zone = parse(moment), ""
    try:
        parsed = parsed.astimezone()
    except (OverflowError, ValueError, OSError):
        # In local time it would be before the first year or after the last one.
        zone = parsed.strftime(" %Z")
    return parsed.replace(tzinfo=None).isoformat(" ", "minutes") + zone


def for_server(local: datetime.datetime) -> str:
    """RFC 3339 text in UTC for a moment that was given in local time.

    Raises UsageError when its year in UTC is before 1 or after 9999.
    """
    try:
        moment = local - _offset(local)
    except OverflowError as error:
        raise UsageError("in UTC, that time is outside the years 1 to 9999") from error
    return moment.replace(tzinfo=datetime.UTC).isoformat()


def _offset(local: datetime.datetime) -> datetime.timedelta:
    # Python looks a day around the time for changes of the offset, and fails at the ends of the calendar.
    nearest = local.replace(tzinfo=None)
    nearest = min(max(nearest, datetime.datetime.min + MARGIN), datetime.datetime.max - MARGIN)  # noqa: DTZ901
    offset = nearest.astimezone().utcoffset()
    if offset is None:
        raise ValueError("local time has no offset from UTC")
    return offset


def left(moment: str | None, now: datetime.datetime) -> str:
    """How long it is until a moment, in its two greatest units; "" for none."""
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
    """Minutes and seconds, "4:07"."""
    whole = max(0, int(seconds))
    return f"{whole // MINUTE}:{whole % MINUTE:02}"


def now() -> datetime.datetime:
    """The present moment."""
    return datetime.datetime.now(datetime.UTC)
