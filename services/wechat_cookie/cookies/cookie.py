"""A saved cookie as a value."""

import datetime
import uuid
from dataclasses import dataclass, field, fields

from services.wechat_cookie.cookies.tables import cookies


@dataclass(frozen=True)
class Cookie:
    """A saved login of an official account, without its values.

    Times are aware datetimes. `health` is the stored one; see health_at. `avatar_type` is None without an avatar.
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

    def health_at(self, now: datetime.datetime) -> str:
        """Returns "ok", "dead" or "cooling_down" at `now`: a cookie that has cooled down is ok again."""
        if self.cooling_until is not None and self.cooling_until <= now:
            return "ok"
        return self.health


# The columns of a Cookie, without the jar and the avatar's bytes, which are large and rarely needed.
COLUMNS = tuple(cookies.c[one.name] for one in fields(Cookie))
