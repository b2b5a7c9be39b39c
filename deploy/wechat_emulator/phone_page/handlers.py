"""Serves the page and its two calls: the logins in progress, and the phone's actions on one of them.

The calls need no token, so they are only for a browser on this machine: other host names (DNS rebinding) are
refused, and requests that another site's page could send without asking (any content type but JSON).
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from deploy.wechat_emulator.login import Login, PhoneError
from deploy.wechat_emulator.phone import act, report
from deploy.wechat_emulator.reports import as_json
from deploy.wechat_emulator.state import NotKnownError, WeChatState

ACTS = frozenset({"scan", "confirm", "cancel", "expire"})
# A login that FastMP no longer polls, or that has ended, is shown for as long as this.
SHOWN_SECONDS = 30.0
_FILES = {"/": "index.html", "/page.js": "page.js", "/page.css": "page.css"}
_HOSTS = frozenset({"127.0.0.1", "localhost"})
_POLICY = "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PhonePage:
    """aiohttp's handlers of the page."""

    def __init__(self, state: WeChatState) -> None:
        self._state = state

    def application(self) -> web.Application:
        """Returns an application with the page at `/`."""
        app = web.Application(middlewares=[_only_from_here])
        for path in _FILES:
            app.router.add_get(path, _file)
        app.router.add_get("/logins", self._logins)
        app.router.add_post("/acts", self._act)
        return app

    async def _logins(self, _: web.Request) -> web.Response:
        state = self._state
        shown = [login for login in state.logins.values() if self._idle_seconds(login) < SHOWN_SECONDS]
        logins = [self._login(login) for login in reversed(shown)]
        return web.json_response({"logins": logins, "accounts": [one.name for one in state.accounts.all()]})

    def _login(self, login: Login) -> dict[str, Any]:
        known = as_json(report(self._state, login.uuid))
        return {name: known[name] for name in ("uuid", "stage", "account", "acct_size", "qr_codes")}

    def _idle_seconds(self, login: Login) -> float:
        return self._state.clock.now() - max([login.issued_at, *login.ask_times])

    async def _act(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        try:
            body = await request.json()
            if body["act"] not in ACTS:
                raise web.HTTPBadRequest
            act(self._state, body["act"], body)
        except (NotKnownError, PhoneError) as error:
            return web.json_response({"error": str(error)}, status=HTTPStatus.CONFLICT)
        except (KeyError, TypeError, ValueError) as error:
            raise web.HTTPBadRequest from error
        return web.json_response({})


async def _file(request: web.Request) -> web.FileResponse:
    return web.FileResponse(Path(__file__).with_name(_FILES[request.path]))


@web.middleware
async def _only_from_here(request: web.Request, handler: _Handler) -> web.StreamResponse:
    if request.url.host not in _HOSTS:
        raise web.HTTPForbidden(text="the page is served at 127.0.0.1 and localhost only")
    answer = await handler(request)
    answer.headers.update(_HEADERS)
    return answer
