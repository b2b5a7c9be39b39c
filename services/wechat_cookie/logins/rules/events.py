"""The events of a login that its watchers receive. Success or failure comes once, as the last event."""

import datetime
from dataclasses import dataclass, field

from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.mp.images import Image


@dataclass(frozen=True, slots=True)
class QrShown:
    """A QR code to scan. `url` is what it encodes, None when that could not be read."""

    image: Image
    url: str | None = field(repr=False)
    expire_time: datetime.datetime
    refresh_count: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """The login is at `stage`."""

    stage: Stage
    message: str


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The cookie is there."""


@dataclass(frozen=True, slots=True)
class Failed:
    """There will be no cookie."""

    reason: Reason
    message: str
    retryable: bool


Event = QrShown | Progressed | Succeeded | Failed
