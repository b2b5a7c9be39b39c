"""Results of the client's calls."""

from dataclasses import dataclass, field

from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.statuses import ScanOutcome


@dataclass(frozen=True)
class Ask:
    """WeChat's state of a pending login. `user_category` 1 means that an operator scanned.

    `cookies` is the object that was passed in unless the answer changed cookies.
    """

    outcome: ScanOutcome
    user_category: int
    cookies: MpCookies = field(repr=False)


@dataclass(frozen=True)
class FinishedLogin:
    """The session of a finished login. WeChat returns it once. `home_path` is path and query of the home page."""

    token: str = field(repr=False)
    home_path: str = field(repr=False)
    cookies: MpCookies = field(repr=False)


@dataclass(frozen=True)
class Profile:
    """The official account behind a session, as its home page shows it.

    `name` is empty if a mini program was chosen: a warning; the session is valid. `avatar_url` is None if WeChat
    sends none or one on an unknown host.
    """

    name: str
    avatar_url: str | None
    original_id: str | None
    alias: str
