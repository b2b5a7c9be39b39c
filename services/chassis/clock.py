"""The real clock, for the composition of a service; everything else is given a function that returns the time."""

import datetime


def utc_now() -> datetime.datetime:
    """The time of this machine's clock, in UTC."""
    return datetime.datetime.now(datetime.UTC)
