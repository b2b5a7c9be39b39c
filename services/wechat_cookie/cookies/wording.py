"""What people read about the health of a cookie: what it is, and what to do next."""

from collections.abc import Mapping

from services.chassis.language import Localized
from services.wechat_cookie.cookies.health import HealthReason

_SCAN_AGAIN = Localized("请重新扫码登录", "scan again")
_WAIT = Localized(
    "到时间后自动恢复，在此之前可改用其他公众号",
    "it works again by itself after the pause; use another official account until then",
)
_OK = Localized("可用", "Working")
_DEAD = Localized("微信已结束该登录", "WeChat has ended this login")
_LIMITED = Localized("微信限制了该登录的请求频率", "WeChat limits the rate of this login")
_CAUSES: Mapping[tuple[str, str], Localized] = {
    ("dead", HealthReason.RET_200040): Localized(
        "该登录的凭证与微信会话不符", "The token of this login is no longer valid at WeChat"
    ),
    ("dead", HealthReason.REPORTED): Localized(
        "使用该登录的程序报告其已失效", "A program that used this login reported that it has ended"
    ),
    ("dead", HealthReason.HOME_PAGE_LOGGED_OUT): Localized(
        "公众号后台显示登录已超时", "The official account's home page says that this login has ended"
    ),
    ("cooling_down", HealthReason.REPORTED): Localized(
        "使用该登录的程序报告微信限制了请求频率",
        "A program that used this login reported that WeChat limits its rate",
    ),
}


def health_message(health: str, reason: str) -> Localized:
    """Returns the sentence for a health with its reason, which may be empty."""
    if health == "ok":
        return _OK
    general, next_step = (_DEAD, _SCAN_AGAIN) if health == "dead" else (_LIMITED, _WAIT)
    cause = _CAUSES.get((health, reason), general)
    return Localized(f"{cause.zh}，{next_step.zh}", f"{cause.en}; {next_step.en}")
