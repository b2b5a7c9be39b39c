"""Conversion of cookies to messages.

It is not in api/, because the stored events of logins contain these messages.
"""

import datetime

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.chassis.language import Language
from services.wechat_cookie.cookies.cookie import Cookie
from services.wechat_cookie.cookies.handing_out import Acquisition
from services.wechat_cookie.cookies.wording import health_message

_FIRST_SECOND = -62_135_596_800
_LAST_SECOND = 253_402_300_799


def to_message(cookie: Cookie, now: datetime.datetime, language: Language | None = None) -> pb.Cookie:
    """Returns the message of a cookie as of `now`, with the words about its health if a language is given.

    It contains no secret of the WeChat session but the token.
    """
    health, reason = cookie.health_at(now), cookie.health_reason_at(now)
    message = pb.Cookie(
        id=str(cookie.id),
        token=cookie.token,
        owner_email=cookie.owner_email,
        name=cookie.name,
        avatar_url=cookie.avatar_url,
        avatar=f"/{cookie.local}/avatar.jpg" if cookie.avatar_type else "",
        local=cookie.local,
        is_current=cookie.is_current,
        health=health,
        health_reason=reason or None,
        health_message=health_message(health, reason).in_language(language) if language else None,
    )
    message.created_time.FromDatetime(cookie.created_time)
    message.expire_time.FromDatetime(cookie.expire_time)
    message.health_time.FromDatetime(cookie.health_time_at(now))
    if health == "cooling_down" and cookie.cooling_until is not None:
        message.cooling_until.FromDatetime(cookie.cooling_until)
    return message


def to_acquisition_message(
    acquisition: Acquisition, now: datetime.datetime, language: Language
) -> pb.AcquireCookieResponse:
    """Returns the message of a hand-out as of `now`. It contains the values, which are secrets."""
    message = pb.AcquireCookieResponse(
        acquisition_id=str(acquisition.id),
        cookie=to_message(acquisition.cookie, now, language),
        cookie_header=acquisition.jar.header(),
    )
    for value in acquisition.jar:
        added = message.values.add(name=value.name, value=value.value, domain=value.domain, path=value.path)
        if value.expires is not None:
            added.expire_time.FromSeconds(_within_the_calendar(value.expires))
    return message


def _within_the_calendar(seconds: int) -> int:
    # The time comes from WeChat, and a Timestamp is limited to the years 1 to 9999.
    return max(_FIRST_SECOND, min(seconds, _LAST_SECOND))
