"""The kinds of notifications and their texts."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.chassis.language import Localized

DAYS_ENDING = "days.ending"
DAYS_ENDED = "days.ended"
CODES_LOW = "codes.low"
TEST = "test"


@dataclass(frozen=True)
class Kind:
    """The texts of a kind; `{name}` stands for a value of the notification, which is empty if it was not given."""

    title: Localized
    text: Localized


class _Values(dict[str, str]):
    def __missing__(self, _name: str) -> str:
        return ""


KINDS: Mapping[str, Kind] = {
    "cookie.expiring": Kind(
        Localized("公众号“{name}”的登录即将过期", "The login of “{name}” is about to expire"),
        Localized(
            "登录将于 {time} 过期。请在此之前重新扫码登录。",
            "It expires at {time}. Scan a new QR code before then.",
        ),
    ),
    "cookie.expired": Kind(
        Localized("公众号“{name}”的登录已过期", "The login of “{name}” has expired"),
        Localized("登录已于 {time} 过期。请重新扫码登录。", "It expired at {time}. Scan a new QR code."),
    ),
    "cookie.dead": Kind(
        Localized("公众号“{name}”的登录已失效", "The login of “{name}” no longer works"),
        Localized(
            "微信已不再接受此登录（{time}）。请重新扫码登录。",
            "WeChat no longer accepts it ({time}). Scan a new QR code.",
        ),
    ),
    "cookie.cooling_down": Kind(
        Localized("公众号“{name}”暂时被微信限制", "WeChat limits “{name}” for a while"),
        Localized("到 {time} 之前不再使用此登录。", "The login is not used until {time}."),
    ),
    "articles.new": Kind(
        Localized("公众号“{name}”有 {count} 篇新文章", "“{name}” has new articles: {count}"),
        Localized("最新一篇：{article}", "The newest: {article}"),
    ),
    DAYS_ENDING: Kind(
        Localized("您的使用期限即将到期", "Your access is about to end"),
        Localized(
            "使用期限将于 {time} 到期。使用新的激活码可以续期。",
            "It ends at {time}. Redeem another activation code to extend it.",
        ),
    ),
    DAYS_ENDED: Kind(
        Localized("您的使用期限已到期", "Your access has ended"),
        Localized(
            "使用期限已于 {time} 到期。使用新的激活码可以恢复使用。",
            "It ended at {time}. Redeem another activation code to regain it.",
        ),
    ),
    CODES_LOW: Kind(
        Localized("可用的激活码不多了", "Few activation codes are left"),
        Localized("还有 {count} 个未使用的激活码。", "Unused activation codes: {count}."),
    ),
}
# Of the message that TestChannel sends.
TEST_MESSAGE = Kind(
    Localized("FastMP 测试通知", "FastMP test notification"),
    Localized("此渠道可以收到通知。", "This channel receives notifications."),
)
# Those that other services publish; the rest are derived here from the account feed.
PUBLISHED = tuple(kind for kind in KINDS if kind not in {DAYS_ENDING, DAYS_ENDED})


def filled(text: Localized, values: Mapping[str, str]) -> Localized:
    """Returns a text of a kind with its values."""
    given = _Values(values)
    return Localized(text.zh.format_map(given), text.en.format_map(given))
