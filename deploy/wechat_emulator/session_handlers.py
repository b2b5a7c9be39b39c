"""Handlers of a session's requests: home page, avatar, accounts, logout."""

from typing import Any

from aiohttp import web

from deploy.wechat_emulator import cookies, home_pages
from deploy.wechat_emulator.accounts import Account
from deploy.wechat_emulator.avatar_image import avatar_jpeg, endless_jpeg
from deploy.wechat_emulator.exchange import Exchange, html_answer, image_answer, json_answer, ret_answer
from deploy.wechat_emulator.knobs import Knobs
from deploy.wechat_emulator.ret_codes import OK, base_resp

_OTHER_KINDS = ("service_biz_list", "wxa_biz_list", "wxgame_biz_list", "open_biz_list")


def home(exchange: Exchange) -> web.Response:
    """`GET /cgi-bin/home`: the account's page, or 登录超时 with the same HTTP status."""
    ret, session = exchange.state.sessions.check(exchange.cookies, exchange.query.get("token", ""))
    if session is None or ret != OK:
        return html_answer(home_pages.LOGGED_OUT)
    knobs = exchange.state.knobs_for(session.login)
    if knobs.home_page == "logged_out":
        return html_answer(home_pages.LOGGED_OUT)
    if knobs.home_page == "no_script":
        return html_answer(home_pages.NO_SCRIPT)
    page = home_pages.assignments_page if knobs.home_shape == 1 else home_pages.object_page
    nick_name = "" if knobs.mini_program else session.account.name
    return html_answer(
        page(session.account, nick_name, _avatar_url(exchange, session.account, knobs), session.token)
    )


def avatar(exchange: Exchange) -> web.Response:
    """`GET /mmhead/…`: the avatar of a home page; it needs no session, as on WeChat's image hosts.

    The knobs of the account's newest login apply.
    """
    account = next((a for a in exchange.state.accounts.all() if a.head_image == exchange.path), None)
    if account is None:
        raise web.HTTPNotFound
    logins = reversed(exchange.state.logins.values())
    login = next((login for login in logins if login.account is account), None)
    knobs = exchange.state.knobs if login is None else exchange.state.knobs_for(login)
    match knobs.avatar:
        case "missing":
            raise web.HTTPNotFound
        case "html":
            return html_answer(home_pages.NO_SCRIPT)
        case "huge":
            return image_answer(endless_jpeg(knobs.huge_bytes))
    return image_answer(avatar_jpeg(account.original_id))


def account_list(exchange: Exchange) -> web.Response:
    """`GET switchacct?action=get_acct_list`: the accounts that the person who scanned can administer."""
    state = exchange.state
    ret, session = state.sessions.check(exchange.cookies, exchange.query.get("token", ""))
    if session is None:
        return ret_answer(ret)
    others = [account for account in state.accounts.all() if account is not session.account]
    accounts = [session.account, *others][: max(1, session.login.acct_size)]
    knobs = state.knobs_for(session.login)
    items = [
        {
            "username": account.original_id,
            "nickname": account.name,
            "headimgurl": _avatar_url(exchange, account, knobs),
            "bizuin": account.bizuin,
            "is_admin": 1,
            "acct_type": 1,
        }
        for account in accounts
    ]
    body: dict[str, Any] = {"base_resp": base_resp(OK), "biz_list": {"length": len(items), "list": items}}
    return json_answer(body | {kind: {"length": 0, "list": []} for kind in _OTHER_KINDS})


def logout(exchange: Exchange) -> web.Response:
    """`GET /cgi-bin/logout`: ends the session of these cookies and this token, then shows the front page."""
    ret, session = exchange.state.sessions.check(exchange.cookies, exchange.query.get("token", ""))
    lines: list[str] = []
    if session is not None and ret == OK:
        session.killed = True
        lines = cookies.deletions(session.cookies, now=exchange.state.clock.wall(), secure=exchange.secure)
    return html_answer(home_pages.FRONT_PAGE, lines)


def _avatar_url(exchange: Exchange, account: Account, knobs: Knobs) -> str:
    address = f"//{exchange.host}{account.head_image}"
    match knobs.avatar_url:
        case "none":
            return ""
        case "http":
            return "http:" + address
        case "scheme_relative":
            return address
    return ("https:" if exchange.secure else "http:") + address
