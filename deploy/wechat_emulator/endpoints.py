"""The endpoints of WeChat's side and their handlers."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from deploy.wechat_emulator import data_handlers, login_handlers, session_handlers
from deploy.wechat_emulator.exchange import Exchange, ret_answer
from deploy.wechat_emulator.final_login import final_login
from deploy.wechat_emulator.ret_codes import INVALID_ARGS

AVATAR_PREFIX = "/mmhead/"

Handler = Callable[[Exchange], web.Response]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and handler under `name`, which is `/path?action=value`, or `/path` where no action is."""

    name: str
    method: str
    handler: Handler


_ENDPOINTS = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("/", "GET", login_handlers.front_page),
        Endpoint("/cgi-bin/bizlogin?action=startlogin", "POST", login_handlers.start_login),
        Endpoint("/cgi-bin/scanloginqrcode?action=getqrcode", "GET", login_handlers.get_qr),
        Endpoint("/cgi-bin/scanloginqrcode?action=ask", "GET", login_handlers.ask),
        Endpoint("/cgi-bin/loginauth?action=ask", "GET", login_handlers.ask_approval),
        Endpoint("/cgi-bin/bizlogin?action=login", "POST", final_login),
        Endpoint("/cgi-bin/home", "GET", session_handlers.home),
        Endpoint("/cgi-bin/logout", "GET", session_handlers.logout),
        Endpoint("/cgi-bin/switchacct?action=get_acct_list", "GET", session_handlers.account_list),
        Endpoint("/cgi-bin/searchbiz?action=search_biz", "GET", data_handlers.search_accounts),
        Endpoint("/cgi-bin/appmsgpublish", "GET", data_handlers.published_articles),
    )
}
_PATHS = {name.partition("?")[0] for name in _ENDPOINTS}
_AVATAR = Endpoint("/mmhead", "GET", session_handlers.avatar)
_WRONG_ARGUMENTS = Endpoint("other", "", lambda _: ret_answer(INVALID_ARGS))


def find_endpoint(path: str, action: str) -> Endpoint | None:
    """Returns the endpoint of a path with this `action` ("" for none), or None for an unknown path."""
    if path in _ENDPOINTS:
        return _ENDPOINTS[path]
    if path in _PATHS:
        return _ENDPOINTS.get(f"{path}?action={action}", _WRONG_ARGUMENTS)
    return _AVATAR if path.startswith(AVATAR_PREFIX) else None


def answer(endpoint: Endpoint, exchange: Exchange) -> web.Response:
    """Returns the endpoint's answer. WeChat treats a wrong method as a wrong argument, with HTTP status 200."""
    if exchange.method != endpoint.method:
        return ret_answer(INVALID_ARGS)
    return endpoint.handler(exchange)
