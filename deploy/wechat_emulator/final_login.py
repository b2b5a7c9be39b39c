"""`POST bizlogin?action=login`: the one-time session, and the faulty answers that have been observed."""

from aiohttp import web

from deploy.wechat_emulator import cookies
from deploy.wechat_emulator.accounts import Account
from deploy.wechat_emulator.exchange import Exchange, html_answer, json_answer, ret_answer
from deploy.wechat_emulator.home_pages import FRONT_PAGE
from deploy.wechat_emulator.knobs import Knobs
from deploy.wechat_emulator.login import APPROVED, Login
from deploy.wechat_emulator.ret_codes import INVALID_SESSION, OK, SYSTEM_ERROR, base_resp
from deploy.wechat_emulator.sessions import Session


def final_login(exchange: Exchange) -> web.Response:
    """Returns the session once; refuses before the confirmation and after the first time."""
    state, login = exchange.state, exchange.login
    if login is None or login.stage == "logged_in":
        return ret_answer(INVALID_SESSION)
    knobs = state.advance(login)
    if login.stage != "confirmed" or login.account is None:
        return ret_answer(SYSTEM_ERROR)
    if knobs.require_approval and login.approval_status(state.clock.now(), knobs) != APPROVED:
        return ret_answer(OK)
    return _answer_without_session(knobs) or _open_session(exchange, login, login.account, knobs)


def _answer_without_session(knobs: Knobs) -> web.Response | None:
    match knobs.final_login:
        case "ret_error":
            return ret_answer(knobs.final_login_ret)
        case "no_redirect_url":
            return ret_answer(OK)
        case "no_token":
            return _redirect_answer("/cgi-bin/bizlogin?action=validate&lang=zh_CN")
        case "html":
            return html_answer(FRONT_PAGE)
    return None


def _open_session(exchange: Exchange, login: Login, account: Account, knobs: Knobs) -> web.Response:
    state = exchange.state
    if knobs.kill_on_second_login:
        state.sessions.kill_account(account)
    session = state.sessions.open(login, account, knobs.session_lifetime)
    login.stage = "logged_in"
    token = "../../etc" if knobs.final_login == "malformed_token" else session.token
    lines = _session_cookies(exchange, session)
    if knobs.final_login == "no_set_cookie":
        lines = []
    elif knobs.final_login == "no_slave_sid":
        lines = [line for line in lines if not line.startswith("slave_sid=")]
    return _redirect_answer(f"/cgi-bin/home?t=home/index&lang=zh_CN&token={token}", lines)


def _session_cookies(exchange: Exchange, session: Session) -> list[str]:
    lines = [
        cookies.set_cookie(name, value, secure=exchange.secure, expires=session.expires_wall)
        for name, value in session.cookies.items()
    ]
    return lines + cookies.deletions(("uuid",), now=exchange.state.clock.wall(), secure=exchange.secure)


def _redirect_answer(redirect_url: str, lines: list[str] | None = None) -> web.Response:
    return json_answer({"base_resp": base_resp(OK), "redirect_url": redirect_url}, lines or ())
