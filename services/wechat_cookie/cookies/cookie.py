"""A saved cookie as a value."""

import datetime
import uuid
from dataclasses import dataclass, field, fields

from services.wechat_cookie.cookies.tables import cookies


@dataclass(frozen=True)
class Cookie:
    """A saved login of an official account, without its values.

    Times are aware datetimes. `health`, `health_reason` and `health_time` are the stored ones; see health_at
    and the others. `avatar_type` is None without an avatar.
    """

    id: uuid.UUID
    token: str = field(repr=False)
    owner_id: uuid.UUID
    owner_email: str
    created_time: datetime.datetime
    expire_time: datetime.datetime
    name: str
    avatar_url: str
    avatar_type: str | None
    local: str = field(repr=False)
    is_current: bool
    health: str
    cooling_until: datetime.datetime | None
    health_reason: str | None = None
    health_time: datetime.datetime | None = None

    def health_at(self, now: datetime.datetime) -> str:
        """Returns "ok", "dead" or "cooling_down" at `now`: a cookie that has cooled down is ok again."""
        if self.cooling_until is not None and self.cooling_until <= now:
            return "ok"
        return self.health

    def health_reason_at(self, now: datetime.datetime) -> str:
        """Returns the cause, a HealthReason; empty while the cookie is ok, or if an earlier release wrote it."""
        return "" if self.health_at(now) == "ok" else self.health_reason or ""

    def health_time_at(self, now: datetime.datetime) -> datetime.datetime:
        """Returns since when the cookie has the health that it has at `now`."""
        if self.cooling_until is not None and self.cooling_until <= now:
            return self.cooling_until
        return self.health_time or self.created_time


# The columns of a Cookie, without the jar and the avatar's bytes, which are large and rarely needed.
COLUMNS = tuple(cookies.c[one.name] for one in fields(Cookie))
