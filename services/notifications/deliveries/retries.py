"""When a failed channel is tried again."""

import datetime

FIRST = datetime.timedelta(minutes=1)
MOST = datetime.timedelta(hours=2)
# Longer waits, which a receiver may ask for, would outlive every delivery.
MOST_ASKED_FOR = datetime.timedelta(hours=24)
# A channel that has failed for this time is disabled.
PAUSE_AFTER = datetime.timedelta(days=3)
_MOST_DOUBLINGS = 7


def retry_time(
    failures: int, retry_after: datetime.timedelta | None, now: datetime.datetime
) -> datetime.datetime:
    """Returns the time of the next attempt after `failures` consecutive failures, at least one.

    That is after 1, 2, 4 … minutes, at most 2 hours, and not before the receiver's Retry-After has passed.
    """
    doublings = min(failures - 1, _MOST_DOUBLINGS)
    wait = min(MOST, FIRST * (1 << doublings))
    asked_for = min(MOST_ASKED_FOR, retry_after or datetime.timedelta())
    return now + max(wait, asked_for)
