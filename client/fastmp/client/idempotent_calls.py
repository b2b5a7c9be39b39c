"""The calls that may be retried if the server is unavailable: those that the protos declare idempotent."""

from collections.abc import Mapping

# A test holds this list equal to the protos' idempotency_level. A call that is not listed is sent once.
IDEMPOTENT: Mapping[str, frozenset[str]] = {
    "fastmp.identity.v1.IdentityService": frozenset(
        {
            "ApplyActivation",
            "Authenticate",
            "ClearActivation",
            "GetMe",
            "GetOverview",
            "GetPrincipals",
            "GetUser",
            "ListAuditLog",
            "ListUsers",
            "UpdateUser",
            "VerifyAuditLog",
            "WatchAccounts",
        }
    ),
    "fastmp.activation.v1.ActivationService": frozenset(
        {
            "Activate",
            "ExportCodes",
            "GetCode",
            "GetOverview",
            "ListAuditLog",
            "ListBatches",
            "ListCodes",
            "PreviewActivation",
            "RevokeBatch",
            "RevokeCode",
            "UpdateCode",
            "VerifyAuditLog",
        }
    ),
    "fastmp.wechat_cookie.v1.WeChatCookieService": frozenset(
        {
            "CancelLogin",
            "ChangeCookie",
            "GetAvatar",
            "GetCurrentCookie",
            "GetOverview",
            "ListAuditLog",
            "ListCookies",
            "PollLogin",
            "ReportCookie",
            "VerifyAuditLog",
            "WatchLogin",
        }
    ),
}
