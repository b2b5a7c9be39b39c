"""A request to WeChat's side, and helpers for answers."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from deploy.wechat_emulator.cookies import parse_cookies
from deploy.wechat_emulator.login import Login
from deploy.wechat_emulator.ret_codes import base_resp
from deploy.wechat_emulator.state import WeChatState

_JSON = {"Content-Type": "application/json; charset=UTF-8"}
_HTML = {"Content-Type": "text/html; charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """The argument of a handler. Handlers never wait: they answer from memory."""

    state: WeChatState
    cookies: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    method: str
    path: str
    host: str
    secure: bool

    @property
    def login(self) -> Login | None:
        """The pending login of the `uuid` cookie."""
        return self.state.logins.get(self.cookies.get("uuid", ""))


def read_cookies(request: web.Request) -> dict[str, str]:
    """The request's cookies."""
    return parse_cookies(request.headers.get("Cookie", ""))


def json_answer(body: dict[str, Any], cookies: Iterable[str] = ()) -> web.Response:
    """Returns a JSON answer as WeChat formats it, with these Set-Cookie values."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.Response(body=text.encode(), headers=_with_cookies(_JSON, cookies))


def ret_answer(ret: int) -> web.Response:
    """Returns only `base_resp`, with HTTP status 200, as WeChat refuses requests."""
    return json_answer({"base_resp": base_resp(ret)})


def html_answer(page: str, cookies: Iterable[str] = ()) -> web.Response:
    """Returns a page with HTTP status 200."""
    return web.Response(body=page.encode(), headers=_with_cookies(_HTML, cookies))


def image_answer(image: bytes | AsyncIterator[bytes]) -> web.Response:
    """Returns a JPEG with WeChat's content type."""
    return web.Response(body=image, headers={"Content-Type": "image/jpg", "Cache-Control": "no-cache"})


def _with_cookies(headers: Mapping[str, str], cookies: Iterable[str]) -> CIMultiDict[str]:
    lines = CIMultiDict(headers)
    for cookie in cookies:
        lines.add("Set-Cookie", cookie)
    return lines
