"""The RPCs of WeChatCookieService: logins, cookies and the audit log."""

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.audit.api import AuditReader, AuditRpcs
from services.wechat_cookie.api.cookies import CookieParts, CookieRpcs
from services.wechat_cookie.api.logins import LoginParts, LoginRpcs


class WeChatCookieServicer(LoginRpcs, CookieRpcs, AuditRpcs, pb_grpc.WeChatCookieServiceServicer):
    """Implements WeChatCookieService. The contract of each method is its comment in the proto."""

    def __init__(self, logins: LoginParts, cookies: CookieParts, audit_reader: AuditReader) -> None:
        LoginRpcs.__init__(self, logins)
        CookieRpcs.__init__(self, cookies)
        self.audit_reader = audit_reader
