"""Moments and time spans, from the server's form and for people."""

import datetime

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def parse(moment: str) -> datetime.datetime:
    """The moment that RFC 3339 text says. Raises ValueError."""
    parsed = datetime.datetime.fromisoformat(moment)
    if parsed.tzinfo is None:
        raise ValueError("a moment needs its offset from UTC")
    return parsed


def shown(moment: str | None) -> str:
    """A moment in local time; "" for none."""
    return parse(moment).astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""


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
