"""The handling of requests to WeChat's side: counting, recording, faults, then the endpoint's handler."""

from typing import Any

from aiohttp import web

from deploy.wechat_emulator.endpoints import answer, find_endpoint
from deploy.wechat_emulator.exchange import Exchange, read_cookies
from deploy.wechat_emulator.fault_effects import carry_out
from deploy.wechat_emulator.fault_spec import Fault
from deploy.wechat_emulator.reports import RequestReport
from deploy.wechat_emulator.state import WeChatState


class WeChatSide:
    """The catch-all handler of all requests to WeChat's side."""

    def __init__(self, state: WeChatState, *, secure: bool) -> None:
        self._state = state
        self._secure = secure

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers any request."""
        state = self._state
        endpoint = find_endpoint(request.path, request.query.get("action", ""))
        exchange = await self._exchange(request)
        name = "other" if endpoint is None else endpoint.name
        state.requests[name] += 1
        if state.knobs.record_requests:
            state.recorded.append(_record(request, exchange))
        fault = self._fault(name, exchange) if state.faults else None

        def true_answer() -> web.Response:
            if endpoint is None:
                raise web.HTTPNotFound
            return answer(endpoint, exchange)

        return true_answer() if fault is None else await carry_out(fault, request, true_answer, state.rng)

    async def _exchange(self, request: web.Request) -> Exchange:
        form: dict[str, Any] = dict(await request.post()) if request.method == "POST" else {}
        return Exchange(
            self._state,
            read_cookies(request),
            request.query,
            form,
            request.method,
            request.path,
            request.host,
            self._secure,
        )

    def _fault(self, name: str, exchange: Exchange) -> Fault | None:
        state = self._state
        uuid = exchange.cookies.get("uuid")
        if uuid not in state.logins:
            session = state.sessions.of(exchange.cookies)
            uuid = None if session is None else session.login.uuid
        return state.faults.take(name, exchange.path, uuid)


def _record(request: web.Request, exchange: Exchange) -> RequestReport:
    return RequestReport(
        exchange.state.clock.true_monotonic(),
        request.method,
        request.path,
        dict(exchange.query),
        dict(exchange.form),
        dict(request.headers),
        dict(exchange.cookies),
    )
