"""The RPCs of saved cookies."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import grpc
from google.api import httpbody_pb2

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis import context as calls
from services.chassis.postgres.database import Database
from services.chassis.validation import parse
from services.wechat_cookie.api.requests import AcquireValues, ReportValues, TokenValues
from services.wechat_cookie.cookies import reading, reports
from services.wechat_cookie.cookies.handing_out import Acquirer, HandingOut
from services.wechat_cookie.cookies.messages import to_acquisition_message, to_message
from services.wechat_cookie.cookies.overview import overview
from services.wechat_cookie.cookies.own_cookies import OwnCookies
from services.wechat_cookie.exported.folders import Folders

# The browser may cache the picture; shared caches may not, and the browser may not guess its type.
_AVATAR_HEADERS = (("cache-control", "private, max-age=300"), ("x-content-type-options", "nosniff"))


@dataclass(frozen=True)
class CookieParts:
    """The dependencies of the RPCs of cookies. `now` returns an aware datetime."""

    database: Database
    folders: Folders
    handing_out: HandingOut
    own_cookies: OwnCookies
    now: Callable[[], datetime.datetime]


class CookieRpcs:
    """Implements ListCookies to ReportCookie. The contract of each is its comment in the proto."""

    def __init__(self, parts: CookieParts) -> None:
        self._cookies = parts

    def ListCookies(
        self, _request: pb.ListCookiesRequest, _context: grpc.ServicerContext
    ) -> pb.ListCookiesResponse:
        now, language = self._cookies.now(), calls.current().language
        with self._cookies.database.direct() as connection:
            found = reading.list_cookies(connection, calls.caller_id(), now)
        return pb.ListCookiesResponse(items=[to_message(cookie, now, language) for cookie in found])

    def GetOverview(
        self, _request: pb.GetOverviewRequest, _context: grpc.ServicerContext
    ) -> pb.CookieOverview:
        with self._cookies.database.snapshot() as connection:
            counts = overview(connection, self._cookies.now())
        health = pb.CookieHealthCounts(ok=counts.ok, cooling_down=counts.cooling_down, dead=counts.dead)
        hours_left = [pb.CookieExpiryCount(hours=hours, count=count) for hours, count in counts.hours_left]
        return pb.CookieOverview(health=health, hours_left=hours_left)

    def GetCurrentCookie(
        self, _request: pb.GetCurrentCookieRequest, _context: grpc.ServicerContext
    ) -> pb.Cookie:
        now = self._cookies.now()
        with self._cookies.database.direct() as connection:
            current = reading.current_cookie(connection, calls.caller_id(), now)
        return to_message(current, now, calls.current().language)

    def ChangeCookie(self, request: pb.ChangeCookieRequest, _context: grpc.ServicerContext) -> pb.Cookie:
        wanted = parse(TokenValues, request)
        chosen = self._cookies.own_cookies.choose(calls.caller_id(), wanted.token)
        return to_message(chosen, self._cookies.now(), calls.current().language)

    def DeleteCookie(
        self, request: pb.DeleteCookieRequest, _context: grpc.ServicerContext
    ) -> pb.DeleteCookieResponse:
        wanted = parse(TokenValues, request)
        self._cookies.own_cookies.delete(calls.caller_id(), wanted.token)
        self._cookies.folders.sync(wanted.token)
        return pb.DeleteCookieResponse(status="ok")

    def GetAvatar(self, request: pb.GetAvatarRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        wanted = parse(TokenValues, request)
        with self._cookies.database.reading() as connection:
            avatar = reading.avatar_of(connection, calls.caller_id(), wanted.token, self._cookies.now())
        context.send_initial_metadata(_AVATAR_HEADERS)
        return httpbody_pb2.HttpBody(content_type=avatar.content_type, data=avatar.content)

    def AcquireCookie(
        self, request: pb.AcquireCookieRequest, _context: grpc.ServicerContext
    ) -> pb.AcquireCookieResponse:
        values, call = parse(AcquireValues, request), calls.current()
        acquirer = Acquirer(call.peer, call.request_id, call.client_address)
        acquisition = self._cookies.handing_out.acquire(acquirer, **values.model_dump())
        return to_acquisition_message(acquisition, self._cookies.now(), call.language)

    def ReportCookie(
        self, request: pb.ReportCookieRequest, _context: grpc.ServicerContext
    ) -> pb.ReportCookieResponse:
        values, now = parse(ReportValues, request), self._cookies.now()
        with self._cookies.database.transaction() as connection:
            health = reports.report(connection, values.acquisition_id, values.outcome, now)
        return pb.ReportCookieResponse(health=health)
