"""The RPCs of WeChatCookieService: logins, cookies, data calls and the audit log."""

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as pb_grpc
from services.chassis.audit.api import AuditReader, AuditRpcs
from services.wechat_cookie.api.cookies import CookieParts, CookieRpcs
from services.wechat_cookie.api.data_calls import DataCallRpcs
from services.wechat_cookie.api.logins import LoginParts, LoginRpcs
from services.wechat_cookie.data_calls.calling import DataCalls


class WeChatCookieServicer(
    LoginRpcs, CookieRpcs, DataCallRpcs, AuditRpcs, pb_grpc.WeChatCookieServiceServicer
):
    """Implements WeChatCookieService. The contract of each method is its comment in the proto."""

    def __init__(
        self, logins: LoginParts, cookies: CookieParts, data_calls: DataCalls, audit_reader: AuditReader
    ) -> None:
        LoginRpcs.__init__(self, logins)
        CookieRpcs.__init__(self, cookies)
        DataCallRpcs.__init__(self, data_calls)
        self.audit_reader = audit_reader
