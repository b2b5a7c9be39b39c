"""The real clock, for the composition of a service; all other code gets a function that returns the time."""

import datetime


def utc_now() -> datetime.datetime:
    """Returns the current time of this machine's clock, in UTC."""
    return datetime.datetime.now(datetime.UTC)
