"""Logins at any point of their way, for the rules to go on from."""

import datetime
import uuid
from dataclasses import replace
from typing import Any

from services.wechat_cookie.logins.rules import rules
from services.wechat_cookie.logins.rules.outcomes import Outcome, QrFetched
from services.wechat_cookie.logins.rules.state import LoginLimits, LoginState
from services.wechat_cookie.logins.rules.transition import Transition
from services.wechat_cookie.mp.cookies import Cookie, MpCookies
from services.wechat_cookie.mp.images import Image
from services.wechat_cookie.mp.results import Ask, FinishedLogin
from services.wechat_cookie.mp.statuses import ScanOutcome, scan_outcome

NOW = datetime.datetime(2026, 3, 1, 8, tzinfo=datetime.UTC)
LIMITS = LoginLimits()
OWNER = uuid.UUID(int=1)
PENDING = MpCookies([Cookie(name="uuid", value="u", domain="mp.weixin.qq.com")])
SESSION = MpCookies([Cookie(name="slave_sid", value="s", domain="mp.weixin.qq.com")])
QR = QrFetched(Image(b"\xff\xd8\xff picture", "image/jpeg"), "http://mp.weixin.qq.com/mp/scanlogin", PENDING)
FINISHED = FinishedLogin("1234567890", "/cgi-bin/home?token=1234567890", SESSION)


def later(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


def ask(
    status: int,
    *,
    ret: int = 0,
    acct_size: int = 1,
    user_category: int = 0,
    binduin: int = 0,
    cookies: MpCookies = PENDING,
) -> Ask:
    outcome: ScanOutcome = scan_outcome(ret, status, acct_size, binduin)
    return Ask(outcome, user_category, cookies)


def begun(**changes: Any) -> LoginState:
    """A login as a replica has claimed it for its first step."""
    state = rules.started("0" * 32, OWNER, "ann@example.com", NOW, LIMITS).state
    return replace(state, **{"attempt": 1, "in_flight": True, **changes})


def applied(state: LoginState, outcome: Outcome, now: datetime.datetime = NOW) -> Transition:
    transition = rules.after(state, outcome, now, LIMITS)
    assert transition is not None
    return transition


def waiting(**changes: Any) -> LoginState:
    """Its QR code is shown."""
    return replace(applied(begun(), QR).state, **changes)


def confirmed(user_category: int = 2, **changes: Any) -> LoginState:
    """Confirmed on the phone, the last step under way."""
    return replace(applied(waiting(), ask(1, user_category=user_category)).state, **changes)


def saving(**changes: Any) -> LoginState:
    """The session is safe."""
    return replace(applied(confirmed(), FINISHED).state, **changes)
