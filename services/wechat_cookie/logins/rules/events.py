"""The events of a login, which clients receive. The last event, and only it, is a success or failure."""

import datetime
from dataclasses import dataclass, field

from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.mp.images import Image


@dataclass(frozen=True)
class QrShown:
    """A QR code to scan. `url` is the encoded URL, or None if it could not be read."""

    image: Image
    url: str | None = field(repr=False)
    expire_time: datetime.datetime
    refresh_count: int


@dataclass(frozen=True)
class Progressed:
    """The login has reached `stage`."""

    stage: Stage
    message: str


@dataclass(frozen=True)
class Succeeded:
    """The login has succeeded."""


@dataclass(frozen=True)
class Failed:
    """The login has failed."""

    reason: Reason
    message: str
    retryable: bool
    # What failed in the connection to WeChat; see MpError.failed_part.
    failed_part: str | None = None


Event = QrShown | Progressed | Succeeded | Failed
