"""The contents of a cookie's exported folder."""

import datetime
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.wechat_cookie.cookies.cookie import Cookie
from services.wechat_cookie.mp.cookies import MpCookies

# The newest protocol that all Python versions of such scripts can read.
_PICKLE_PROTOCOL = 4
COOKIE_FILE = "cookie.json"
JAR_FILE = "gzhcookies.cookie"
AVATAR_FILE = "avatar.jpg"
FILES = (AVATAR_FILE, JAR_FILE, COOKIE_FILE)


@dataclass(frozen=True)
class ExportedCookie:
    """A cookie with all data of its folder. `avatar` is the picture, or None."""

    cookie: Cookie
    original_id: str | None
    jar: MpCookies = field(repr=False)
    avatar: bytes | None = field(repr=False)


def files_of(exported: ExportedCookie) -> Mapping[str, bytes]:
    """Returns the files by name: `cookie.json`, `gzhcookies.cookie` (a pickled RequestsCookieJar), `avatar.jpg`.

    The pickle is for existing scripts. This product never loads one, which would execute code in it.
    """
    files = {
        COOKIE_FILE: _cookie_json(exported),
        JAR_FILE: pickle.dumps(exported.jar.to_jar(), protocol=_PICKLE_PROTOCOL),
    }
    if exported.avatar is not None:
        files[AVATAR_FILE] = exported.avatar
    return files


def _cookie_json(exported: ExportedCookie) -> bytes:
    cookie = exported.cookie
    shown = {
        "id": str(cookie.id),
        "token": cookie.token,
        "cookie": exported.jar.header(),
        "created_time": _iso(cookie.created_time),
        "expire_time": _iso(cookie.expire_time),
        "name": cookie.name,
        "avatar": f"{cookie.local}/{AVATAR_FILE}" if exported.avatar is not None else "",
        "avatar_url": cookie.avatar_url,
        "local": cookie.local,
        "owner_email": cookie.owner_email,
        "original_id": exported.original_id or "",
    }
    return json.dumps(shown, ensure_ascii=False, indent=2).encode() + b"\n"


def _iso(time: datetime.datetime) -> str:
    return time.astimezone(datetime.UTC).isoformat()
