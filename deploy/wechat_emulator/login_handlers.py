"""Handlers of a login's requests: the front page, the start, the QR code and its polls."""

from aiohttp import web

from deploy.wechat_emulator import cookies
from deploy.wechat_emulator.exchange import Exchange, html_answer, image_answer, json_answer, ret_answer
from deploy.wechat_emulator.home_pages import FRONT_PAGE
from deploy.wechat_emulator.login import Login
from deploy.wechat_emulator.qr_image import qr_jpeg
from deploy.wechat_emulator.ret_codes import DEFAULT, INVALID_SESSION, OK, base_resp

_A_YEAR = 365 * 86_400


def front_page(exchange: Exchange) -> web.Response:
    """`GET /`: the visitor cookies."""
    state = exchange.state
    expires = state.clock.wall() + _A_YEAR
    visitor = {
        "ua_id": state.rng.randbytes(32).hex(),
        "wxuin": str(state.rng.randrange(10**13, 10**14)),
        "xid": state.rng.randbytes(16).hex(),
        "mm_lang": "zh_CN",
    }
    lines = [
        cookies.set_cookie(name, value, secure=exchange.secure, expires=expires)
        for name, value in visitor.items()
    ]
    return html_answer(FRONT_PAGE, lines)


def start_login(exchange: Exchange) -> web.Response:
    """`POST bizlogin?action=startlogin`: a new `uuid`."""
    state, knobs = exchange.state, exchange.state.knobs
    if knobs.startlogin_ret != OK:
        return ret_answer(knobs.startlogin_ret)
    login = state.new_login()
    body: dict[str, object] = {"base_resp": base_resp(OK)}
    lines = cookies.deletions(cookies.LEFT_OVER, now=state.clock.wall(), secure=exchange.secure)
    if knobs.uuid_in in {"cookie", "both"}:
        lines.insert(0, cookies.set_cookie("uuid", login.uuid, secure=exchange.secure))
    if knobs.uuid_in in {"body", "both"}:
        body["uuid"] = login.uuid
    return json_answer(body, lines)


def get_qr(exchange: Exchange) -> web.Response:
    """`scanloginqrcode?action=getqrcode`: a picture, or an empty body for an unknown login."""
    login = exchange.login
    if login is None or login.stage == "logged_in":
        return image_answer(b"")
    return image_answer(qr_jpeg(exchange.state.new_qr(login)))


def ask(exchange: Exchange) -> web.Response:
    """`scanloginqrcode?action=ask`: exactly the five keys of the real answer."""
    login = exchange.login
    if login is None:
        return ret_answer(INVALID_SESSION)
    login.asks += 1
    login.ask_times.append(exchange.state.clock.true_monotonic())
    knobs = exchange.state.advance(login)
    if knobs.ask_ret != OK or login.stage == "logged_in":
        return ret_answer(knobs.ask_ret or DEFAULT)
    return json_answer(
        {
            "acct_size": login.acct_size,
            "base_resp": base_resp(OK),
            "binduin": login.binduin,
            "status": login.status,
            "user_category": login.user_category(knobs),
        }
    )


def ask_approval(exchange: Exchange) -> web.Response:
    """`loginauth?action=ask`: the status of the administrator's approval."""
    login: Login | None = exchange.login
    if login is None or login.stage == "logged_in":
        return ret_answer(INVALID_SESSION)
    knobs = exchange.state.advance(login)
    status = login.approval_status(exchange.state.clock.now(), knobs)
    return json_answer({"base_resp": base_resp(OK), "status": status})
