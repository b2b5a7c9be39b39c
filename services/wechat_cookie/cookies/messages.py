"""Cookies as the contract's messages."""

import datetime

from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as pb
from services.wechat_cookie.cookies.cookie import Cookie


def to_message(cookie: Cookie, now: datetime.datetime) -> pb.Cookie:
    """The message of a cookie as it is at `now`. It holds no value of the WeChat session but the token."""
    message = pb.Cookie(
        id=str(cookie.id),
        token=cookie.token,
        owner_email=cookie.owner_email,
        name=cookie.name,
        avatar_url=cookie.avatar_url,
        avatar=f"/{cookie.local}/avatar.jpg" if cookie.avatar_type else "",
        local=cookie.local,
        is_current=cookie.is_current,
        health=cookie.health_at(now),
    )
    message.created_time.FromDatetime(cookie.created_time)
    message.expire_time.FromDatetime(cookie.expire_time)
    return message
