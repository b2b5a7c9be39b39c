"""What an exchange with WeChat came to."""

from dataclasses import dataclass, field

from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.errors import MpError
from services.wechat_cookie.mp.images import Image
from services.wechat_cookie.mp.results import Ask, FinishedLogin, Profile
from services.wechat_cookie.mp.statuses import ApprovalOutcome


@dataclass(frozen=True, slots=True)
class QrFetched:
    """A QR code is there. `url` is what it encodes, None when that could not be read."""

    image: Image
    url: str | None = field(repr=False)
    cookies: MpCookies


@dataclass(frozen=True, slots=True)
class Asked:
    """The phone's state."""

    ask: Ask


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """The administrator's decision."""

    approval: ApprovalOutcome


@dataclass(frozen=True, slots=True)
class SessionTaken:
    """The one answer with the session's cookies."""

    session: FinishedLogin


@dataclass(frozen=True, slots=True)
class Described:
    """Name and avatar; `avatar` is None when there is none or it could not be fetched."""

    profile: Profile
    avatar: Image | None


@dataclass(frozen=True, slots=True)
class Broken:
    """The exchange failed."""

    error: MpError


@dataclass(frozen=True, slots=True)
class Faulted:
    """FastMP itself failed."""


Outcome = QrFetched | Asked | ApprovalAsked | SessionTaken | Described | Broken | Faulted
