"""When an account is notified about the end of its access: 7 days and 1 day before it, and when it is reached."""

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from services.notifications.inbox.kinds import DAYS_ENDED, DAYS_ENDING

PUBLISHER = "notifications"
_SEVEN_DAYS = datetime.timedelta(days=7)
_ONE_DAY = datetime.timedelta(days=1)
# After an outage longer than this, accounts are not notified any more that their access has ended.
_LATEST = datetime.timedelta(days=3)


@dataclass(frozen=True)
class Notice:
    """A notification that is due at `due` and not sent from `valid_until` on."""

    event_id: str
    kind: str
    due: datetime.datetime
    valid_until: datetime.datetime


def notices(account_id: uuid.UUID, expired_time: datetime.datetime) -> tuple[Notice, ...]:
    """Returns the notices about one end of an account's access, the earliest first."""
    name = f"{account_id}:{expired_time.astimezone(datetime.UTC).isoformat()}"
    before = expired_time - _ONE_DAY
    return (
        Notice(f"days.ending.7:{name}", DAYS_ENDING, expired_time - _SEVEN_DAYS, before),
        Notice(f"days.ending.1:{name}", DAYS_ENDING, before, expired_time),
        Notice(f"days.ended:{name}", DAYS_ENDED, expired_time, expired_time + _LATEST),
    )


def due_notice(
    account_id: uuid.UUID, expired_time: datetime.datetime, now: datetime.datetime
) -> Notice | None:
    """Returns the notice that is true at `now`, if any."""
    for notice in notices(account_id, expired_time):
        if notice.due <= now < notice.valid_until:
            return notice
    return None


def next_time(
    account_id: uuid.UUID, expired_time: datetime.datetime | None, now: datetime.datetime
) -> datetime.datetime | None:
    """Returns when the next notice after `now` is due; None if there is none."""
    if expired_time is None:
        return None
    return next((one.due for one in notices(account_id, expired_time) if one.due > now), None)


def values(expired_time: datetime.datetime) -> Mapping[str, str]:
    """Returns the values of the notices' texts."""
    return {"time": expired_time.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")}
