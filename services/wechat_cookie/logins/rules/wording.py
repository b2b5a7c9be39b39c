"""The Chinese messages of logins: one for each stage and each reason."""

from services.wechat_cookie.logins.rules.stages import Reason, Stage

STAGES = {
    Stage.PREPARING: "正在向微信获取二维码，请稍候",
    Stage.WAITING_FOR_SCAN: "请用微信扫描二维码",
    Stage.SCANNED: "已扫码，请在手机上确认登录",
    Stage.CHOOSING_ACCOUNT: "已扫码，请在手机上选择要登录的公众号",
    Stage.NO_ACCOUNT: "扫码的微信号没有可登录的公众号，请换一个微信号扫码",
    Stage.WAITING_FOR_APPROVAL: "已提交登录申请，请等待公众号管理员确认",
    Stage.CONFIRMED: "已在手机上确认，正在登录",
    Stage.SAVING: "登录成功，正在保存公众号信息",
    Stage.SUCCEEDED: "登录成功",
    Stage.FAILED: "登录失败",
}

# Replace the stage's message while a QR code is being replaced and while WeChat keeps failing.
QR_EXPIRED_REPLACING = "二维码已过期，正在更换新的二维码"
QR_CANCELLED_REPLACING = "已在手机上取消登录，正在更换新的二维码"
HARD_TO_REACH = "微信服务器暂时连接不上，仍在重试，请稍候"

REASONS = {
    Reason.CANCELLED: "登录已取消",
    Reason.ACCESS_ENDED: "账号的访问权限已结束（退出登录、修改密码、停用、到期或删除），登录已终止",
    Reason.ACCOUNT_DELETED: "账号已被删除，登录已终止",
    Reason.LOGIN_TIMEOUT: "登录超时，请重新发起登录",
    Reason.LOGIN_INTERRUPTED: "登录结果在保存前丢失，请重新扫码登录",
    Reason.QR_EXPIRED: "二维码多次过期未使用，请重新发起登录",
    Reason.QR_UNAVAILABLE: "微信没有返回可用的二维码，请稍后重试",
    Reason.EMAIL_NOT_BOUND: "该公众号没有绑定邮箱，无法登录，请先在微信公众平台绑定邮箱",
    Reason.LOGIN_REFUSED: "微信拒绝了这次登录",
    Reason.APPROVAL_REFUSED: "公众号管理员拒绝了这次登录",
    Reason.APPROVAL_TIMEOUT: "公众号管理员没有及时确认，请重新发起登录",
    Reason.LOGIN_NO_REDIRECT: "微信没有完成登录：返回结果缺少跳转地址，请重新扫码登录",
    Reason.LOGIN_NEEDS_VERIFICATION: "微信要求进一步的安全验证，请先在浏览器中登录一次微信公众平台",
    Reason.LOGIN_NO_SESSION: "微信没有返回登录凭证，可能是当前网络地址触发了风控",
    Reason.LOGIN_NOT_JSON: "微信返回了无法识别的登录页面，请重新扫码登录",
    Reason.WECHAT_SESSION_INVALID: "微信已不认可这次登录，请重新发起登录",
    Reason.WECHAT_RATE_LIMITED: "微信限制了访问频率，请几小时后再试",
    Reason.WECHAT_UNREACHABLE: "无法连接微信服务器，请检查网络后重试",
    Reason.WECHAT_BAD_ANSWER: "微信返回了无法识别的结果，请稍后重试",
    Reason.OWNED_BY_ANOTHER_ACCOUNT: "该公众号的这次登录已属于另一个账号",
    Reason.INTERNAL: "服务内部错误，请重新发起登录",
}

# By MpError.failed_part.
_UNREACHABLE = {
    "dns": "无法解析域名",
    "connect": "无法建立连接",
    "no_handshake": "无法建立加密连接",
    "certificate_expired": "证书已过期",
    "certificate_not_yet_valid": "证书尚未生效",
    "certificate_of_unknown_authority": "证书的签发机构不受信任",
    "certificate_of_another_host": "证书属于其他域名",
    "proxy": "代理不可用",
    "timeout": "没有及时应答",
    "dropped": "连接中断",
}
_CERTIFICATE_REFUSED = "证书无效"

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


def failure(reason: Reason, failed_part: str | None = None) -> str:
    """Returns the message for a failed login; for WECHAT_UNREACHABLE it includes the failed part, if known."""
    if reason is not Reason.WECHAT_UNREACHABLE or failed_part is None:
        return REASONS[reason]
    return f"无法连接微信服务器（{_UNREACHABLE.get(failed_part, _CERTIFICATE_REFUSED)}），请检查网络后重试"
