"""The outcomes of exchanges with WeChat."""

from dataclasses import dataclass, field

from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.errors import MpError
from services.wechat_cookie.mp.images import Image
from services.wechat_cookie.mp.results import Ask, FinishedLogin, Profile
from services.wechat_cookie.mp.statuses import ApprovalOutcome


@dataclass(frozen=True)
class QrFetched:
    """A QR code was fetched. `url` is the encoded URL, or None if it could not be read."""

    image: Image
    url: str | None = field(repr=False)
    cookies: MpCookies


@dataclass(frozen=True)
class Described:
    """Name and avatar; `avatar` is None if there is none or it could not be fetched."""

    profile: Profile
    avatar: Image | None


@dataclass(frozen=True)
class Faulted:
    """FastMP itself failed."""


Outcome = QrFetched | Ask | ApprovalOutcome | FinishedLogin | Described | MpError | Faulted
"""The result of an exchange: what the client returns or raises, or a combination of several answers."""
