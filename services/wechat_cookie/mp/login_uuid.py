"""The key of a pending login, which WeChat sends as a cookie or in the body."""

import re

from services.wechat_cookie.mp.addresses import Origin
from services.wechat_cookie.mp.cookies import UUID_COOKIE, Cookie, MpCookies
from services.wechat_cookie.mp.errors import NoUuidError

_UUID = re.compile(r"[0-9A-Za-z_-]{8,128}")


def with_uuid(cookies: MpCookies, in_body: str | None, origin: Origin) -> MpCookies:
    """Returns the cookies with the key, from `in_body` if they have none. Raises NoUuidError without either."""
    cookie = cookies.get(UUID_COOKIE)
    if cookie is not None and _UUID.fullmatch(cookie.value):
        return cookies
    if in_body is None or not _UUID.fullmatch(in_body):
        raise NoUuidError
    return cookies.with_cookie(
        Cookie(
            name=UUID_COOKIE,
            value=in_body,
            domain=origin.cookie_host,
            secure=origin.scheme == "https",
            http_only=True,
        )
    )
