"""The RPCs of logins."""

import base64
import datetime
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis import context as calls
from services.chassis.validation import parse
from services.wechat_cookie.api.requests import BeginValues, KeyValues, WatchValues
from services.wechat_cookie.cookies.messages import to_message
from services.wechat_cookie.logins.account_logins import AccountLogins, LoginView
from services.wechat_cookie.logins.messages import failed_part_message, in_language
from services.wechat_cookie.logins.rules import wording

# Unary methods that wait like streams, and count as such for the server's admission.
WAITING_PATHS = frozenset({"/fastmp.wechat_cookie.v1.WeChatCookieService/BeginLogin"})


@dataclass(frozen=True)
class LoginParts:
    """The dependencies of the RPCs of logins.

    `now` returns an aware datetime. BeginLogin waits at most `begin_seconds`, slightly longer than the timeout of
    the first QR code.
    """

    account_logins: AccountLogins
    now: Callable[[], datetime.datetime]
    begin_seconds: float = 13.0


class LoginRpcs:
    """Implements BeginLogin to CancelLogin. The contract of each is its comment in the proto."""

    def __init__(self, parts: LoginParts) -> None:
        self._logins = parts

    def BeginLogin(
        self, request: pb.BeginLoginRequest, context: grpc.ServicerContext
    ) -> pb.BeginLoginResponse:
        wanted, logins = parse(BeginValues, request), self._logins.account_logins
        key = logins.start(calls.caller())
        with logins.watch(calls.caller(), key) as watch:
            if context.add_callback(watch.close):
                watch.wait_for_qr(self._logins.begin_seconds)
        view = logins.view(calls.caller_id(), key)
        return pb.BeginLoginResponse(
            status=view.status,
            message=wording.in_language(view.message, calls.current().language),
            qrcode_base64=_base64(view.qr_image) if wanted.inline_qr else None,
            login_key=key,
        )

    def PollLogin(self, request: pb.PollLoginRequest, _context: grpc.ServicerContext) -> pb.PollLoginResponse:
        wanted = parse(KeyValues, request)
        view = self._logins.account_logins.view(calls.caller_id(), wanted.login_key)
        return _poll_response(view, self._logins.now())

    def StartLogin(
        self, _request: pb.StartLoginRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.LoginEvent]:
        key = self._logins.account_logins.start(calls.caller())
        yield from self._events(key, 0, context)

    def WatchLogin(
        self, request: pb.WatchLoginRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.LoginEvent]:
        wanted = parse(WatchValues, request)
        yield from self._events(wanted.login_key, wanted.after_sequence, context)

    def CancelLogin(
        self, request: pb.CancelLoginRequest, _context: grpc.ServicerContext
    ) -> pb.CancelLoginResponse:
        wanted = parse(KeyValues, request)
        self._logins.account_logins.cancel(calls.caller_id(), wanted.login_key)
        return pb.CancelLoginResponse(status="ok")

    def _events(self, key: str, after: int, context: grpc.ServicerContext) -> Iterator[pb.LoginEvent]:
        with self._logins.account_logins.watch(calls.caller(), key) as watch:
            # False if the caller has already cancelled the call.
            if context.add_callback(watch.close):
                translated = functools.partial(in_language, language=calls.current().language)
                # Unlike a loop, map() does not keep an event, with its QR code, while it waits for the next.
                yield from map(translated, watch.events(after))


def _poll_response(view: LoginView, now: datetime.datetime) -> pb.PollLoginResponse:
    return pb.PollLoginResponse(
        status=view.status,
        message=wording.in_language(view.message, calls.current().language),
        stage=view.stage,
        qrcode_base64=_base64(view.qr_image),
        cookie=None if view.cookie is None else to_message(view.cookie, now),
        reason=view.reason,
        failed_part=None if view.failed_part is None else failed_part_message(view.failed_part),
    )


def _base64(picture: bytes | None) -> str | None:
    return None if picture is None else base64.b64encode(picture).decode()
