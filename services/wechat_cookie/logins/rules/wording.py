"""The messages of logins: one for each stage and each reason.

A login and its events are stored with the Chinese text, and callers read it in their own language: in_language().
"""

from services.chassis.language import Language, Localized
from services.wechat_cookie.logins.rules.stages import Reason, Stage

STAGES = {
    Stage.PREPARING: Localized("正在向微信获取二维码，请稍候", "Getting a QR code from WeChat"),
    Stage.WAITING_FOR_SCAN: Localized("请用微信扫描二维码", "Scan the QR code with WeChat"),
    Stage.SCANNED: Localized("已扫码，请在手机上确认登录", "Scanned; confirm the login on the phone"),
    Stage.CHOOSING_ACCOUNT: Localized(
        "已扫码，请在手机上选择要登录的公众号", "Scanned; choose the official account on the phone"
    ),
    Stage.NO_ACCOUNT: Localized(
        "扫码的微信号没有可登录的公众号，请换一个微信号扫码",
        "This WeChat account has no official account to log in; scan with another one",
    ),
    Stage.WAITING_FOR_APPROVAL: Localized(
        "已提交登录申请，请等待公众号管理员确认",
        "The login was requested; the official account's administrator must approve it",
    ),
    Stage.CONFIRMED: Localized("已在手机上确认，正在登录", "Confirmed on the phone; logging in"),
    Stage.SAVING: Localized(
        "登录成功，正在保存公众号信息", "Logged in; saving the official account's details"
    ),
    Stage.SUCCEEDED: Localized("登录成功", "Logged in"),
    Stage.FAILED: Localized("登录失败", "The login failed"),
}

# Replace the stage's message while a QR code is being replaced and while WeChat keeps failing.
QR_EXPIRED_REPLACING = Localized(
    "二维码已过期，正在更换新的二维码", "The QR code has expired; getting a new one"
)
QR_CANCELLED_REPLACING = Localized(
    "已在手机上取消登录，正在更换新的二维码", "The login was cancelled on the phone; getting a new QR code"
)
HARD_TO_REACH = Localized(
    "微信服务器暂时连接不上，仍在重试，请稍候", "WeChat cannot be reached at the moment; still trying"
)

REASONS = {
    Reason.CANCELLED: Localized("登录已取消", "The login was cancelled"),
    Reason.ACCESS_ENDED: Localized(
        "账号的访问权限已结束（退出登录、修改密码、停用、到期或删除），登录已终止",
        "The account's access has ended (sign-out, password, revocation, expiry or deletion), so the login ended",
    ),
    Reason.ACCOUNT_DELETED: Localized(
        "账号已被删除，登录已终止", "The account was deleted, and the login ended with it"
    ),
    Reason.LOGIN_TIMEOUT: Localized("登录超时，请重新发起登录", "The login took too long; start a new one"),
    Reason.LOGIN_INTERRUPTED: Localized(
        "登录结果在保存前丢失，请重新扫码登录", "The login's result was lost before it was saved; scan again"
    ),
    Reason.QR_EXPIRED: Localized(
        "二维码多次过期未使用，请重新发起登录",
        "The QR code expired several times without a scan; start a new login",
    ),
    Reason.QR_UNAVAILABLE: Localized(
        "微信没有返回可用的二维码，请稍后重试", "WeChat returned no usable QR code; try again later"
    ),
    Reason.EMAIL_NOT_BOUND: Localized(
        "该公众号没有绑定邮箱，无法登录，请先在微信公众平台绑定邮箱",
        "The official account has no e-mail address, which a login needs; bind one at mp.weixin.qq.com first",
    ),
    Reason.LOGIN_REFUSED: Localized("微信拒绝了这次登录", "WeChat refused the login"),
    Reason.APPROVAL_REFUSED: Localized(
        "公众号管理员拒绝了这次登录", "The official account's administrator refused the login"
    ),
    Reason.APPROVAL_TIMEOUT: Localized(
        "公众号管理员没有及时确认，请重新发起登录",
        "The official account's administrator did not approve in time; start a new login",
    ),
    Reason.LOGIN_NO_REDIRECT: Localized(
        "微信没有完成登录：返回结果缺少跳转地址，请重新扫码登录",
        "WeChat did not complete the login: its answer has no redirect address; scan again",
    ),
    Reason.LOGIN_NEEDS_VERIFICATION: Localized(
        "微信要求进一步的安全验证，请先在浏览器中登录一次微信公众平台",
        "WeChat requires further verification; log in at mp.weixin.qq.com in a browser once first",
    ),
    Reason.LOGIN_NO_SESSION: Localized(
        "微信没有返回登录凭证，可能是当前网络地址触发了风控",
        "WeChat returned no session; its risk control may distrust this network address",
    ),
    Reason.LOGIN_NOT_JSON: Localized(
        "微信返回了无法识别的登录页面，请重新扫码登录", "WeChat returned an unknown login page; scan again"
    ),
    Reason.WECHAT_SESSION_INVALID: Localized(
        "微信已不认可这次登录，请重新发起登录", "WeChat no longer accepts this login; start a new one"
    ),
    Reason.WECHAT_RATE_LIMITED: Localized(
        "微信限制了访问频率，请几小时后再试", "WeChat limits the rate of requests; try again in a few hours"
    ),
    Reason.WECHAT_UNREACHABLE: Localized(
        "无法连接微信服务器，请检查网络后重试", "WeChat cannot be reached; check the network and try again"
    ),
    Reason.WECHAT_BAD_ANSWER: Localized(
        "微信返回了无法识别的结果，请稍后重试", "WeChat returned an unknown answer; try again later"
    ),
    Reason.OWNED_BY_ANOTHER_ACCOUNT: Localized(
        "该公众号的这次登录已属于另一个账号", "This login of the official account belongs to another account"
    ),
    Reason.INTERNAL: Localized("服务内部错误，请重新发起登录", "Internal error; start a new login"),
}

# By MpError.failed_part.
_PARTS = {
    "dns": Localized("无法解析域名", "its name cannot be resolved"),
    "connect": Localized("无法建立连接", "no connection"),
    "no_handshake": Localized("无法建立加密连接", "no encrypted connection"),
    "certificate_expired": Localized("证书已过期", "its certificate has expired"),
    "certificate_not_yet_valid": Localized("证书尚未生效", "its certificate is not valid yet"),
    "certificate_of_unknown_authority": Localized(
        "证书的签发机构不受信任", "the issuer of its certificate is not trusted"
    ),
    "certificate_of_another_host": Localized("证书属于其他域名", "its certificate is for another name"),
    "proxy": Localized("代理不可用", "the proxy is not available"),
    "timeout": Localized("没有及时应答", "no answer in time"),
    "dropped": Localized("连接中断", "the connection broke"),
}
_CERTIFICATE_REFUSED = Localized("证书无效", "its certificate is not valid")

_UNREACHABLE_BY_PART = Localized(
    "无法连接微信服务器（{part}），请检查网络后重试",
    "WeChat cannot be reached ({part}); check the network and try again",
)

# Reasons for which starting again immediately would fail in the same way.
NOT_RETRYABLE = frozenset(
    {
        Reason.ACCESS_ENDED,
        Reason.ACCOUNT_DELETED,
        Reason.EMAIL_NOT_BOUND,
        Reason.APPROVAL_REFUSED,
        Reason.LOGIN_NEEDS_VERIFICATION,
        Reason.LOGIN_NO_SESSION,
        Reason.WECHAT_RATE_LIMITED,
        Reason.OWNED_BY_ANOTHER_ACCOUNT,
    }
)


def failure(reason: Reason, failed_part: str | None = None) -> Localized:
    """Returns the message for a failed login; for WECHAT_UNREACHABLE it includes the failed part, if known."""
    if reason is not Reason.WECHAT_UNREACHABLE or failed_part is None:
        return REASONS[reason]
    return _UNREACHABLE_BY_PART.with_values(part=_PARTS.get(failed_part, _CERTIFICATE_REFUSED))


_BY_STORED_TEXT = {
    text.zh: text
    for text in (
        *STAGES.values(),
        QR_EXPIRED_REPLACING,
        QR_CANCELLED_REPLACING,
        HARD_TO_REACH,
        *REASONS.values(),
        *(_UNREACHABLE_BY_PART.with_values(part=part) for part in (*_PARTS.values(), _CERTIFICATE_REFUSED)),
    )
}


def in_language(stored: str, language: Language) -> str:
    """Returns a stored message in `language`; a text of another release as it is stored."""
    text = _BY_STORED_TEXT.get(stored)
    return stored if text is None else text.in_language(language)
