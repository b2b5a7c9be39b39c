"""The control API under `/_emulator/`: JSON in, JSON out, only for holders of the token."""

import hmac
from collections.abc import Callable
from typing import Any

from aiohttp import web

from deploy.wechat_emulator.accounts import AccountConflictError, checked_messages
from deploy.wechat_emulator.control import TOKEN_HEADER
from deploy.wechat_emulator.fault_spec import Fault
from deploy.wechat_emulator.login import PhoneError
from deploy.wechat_emulator.phone import act, report
from deploy.wechat_emulator.reports import (
    AccountReport,
    CountersReport,
    SessionReport,
    as_json,
)
from deploy.wechat_emulator.state import NotKnownError, WeChatState

_STATUS_OF_REFUSAL: dict[type[Exception], int] = {
    NotKnownError: 404,
    PhoneError: 409,
    AccountConflictError: 409,
    # Raised for a body without a field, or with a field of the wrong type.
    KeyError: 400,
    TypeError: 400,
    AttributeError: 400,
    ValueError: 400,
}
_REFUSALS = tuple(_STATUS_OF_REFUSAL)

Answer = dict[str, Any]


class ControlSide:
    """aiohttp's handlers of the control API."""

    def __init__(self, state: WeChatState, token: str, open_connections: Callable[[], int]) -> None:
        self._state = state
        self._token = token.encode()
        self._open_connections = open_connections
        self._routes: dict[tuple[str, str], Callable[[Any], Answer]] = {
            ("GET", "/logins"): self._logins,
            ("POST", "/login"): lambda body: as_json(report(state, body["login"])),
            ("POST", "/login/knobs"): self._set_login_knobs,
            ("GET", "/asks"): self._asks,
            ("GET", "/counters"): self._counters,
            ("GET", "/requests"): lambda _: {"requests": [as_json(item) for item in state.recorded]},
            ("GET", "/accounts"): self._accounts,
            ("POST", "/accounts"): self._add_account,
            ("POST", "/accounts/namesake"): lambda body: as_json(state.accounts.add_namesake(body["name"])),
            ("POST", "/accounts/publish"): self._publish,
            ("GET", "/sessions"): self._sessions,
            ("POST", "/sessions/kill"): self._kill_session,
            ("GET", "/knobs"): lambda _: as_json(state.knobs),
            ("POST", "/knobs"): self._set_knobs,
            ("GET", "/faults"): lambda _: {"faults": [fault.as_json() for fault in state.faults.all()]},
            ("POST", "/faults"): self._add_fault,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/clock"): self._advance_clock,
            ("POST", "/reset"): self._reset,
        }

    async def handle(self, request: web.Request) -> web.Response:
        """Answers any request below `/_emulator/`."""
        if not hmac.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), self._token):
            return web.json_response({"error": "wrong or missing control token"}, status=403)
        path = request.path.removeprefix("/_emulator")
        try:
            body = await request.json() if request.can_read_body else {}
            return web.json_response(self._answer(request.method, path, body))
        except _REFUSALS as error:
            status = next(code for kind, code in _STATUS_OF_REFUSAL.items() if isinstance(error, kind))
            reason = f"missing or unknown: {error}" if isinstance(error, KeyError) else str(error)
            return web.json_response({"error": reason}, status=status)

    def _answer(self, method: str, path: str, body: Answer) -> Answer:
        if path.startswith("/phone/"):
            return as_json(act(self._state, path.removeprefix("/phone/"), body))
        if (method, path) not in self._routes:
            raise NotKnownError("the control API has no such call")
        return self._routes[method, path](body)

    def _logins(self, _: Answer) -> Answer:
        return {"logins": [as_json(report(self._state, uuid)) for uuid in self._state.logins]}

    def _asks(self, _: Answer) -> Answer:
        return {"asks": {uuid: list(login.ask_times) for uuid, login in self._state.logins.items()}}

    def _counters(self, _: Answer) -> Answer:
        state = self._state
        return as_json(
            CountersReport(
                dict(state.requests),
                dict(state.faults.carried_out),
                self._open_connections(),
                len(state.logins),
                len(state.sessions.all()),
            )
        )

    def _accounts(self, _: Answer) -> Answer:
        return {"accounts": [as_json(account) for account in self._state.accounts.all()]}

    def _add_account(self, body: Answer) -> Answer:
        account = self._state.accounts.add(**body)
        return as_json(AccountReport(**as_json(account)))

    def _publish(self, body: Answer) -> Answer:
        account = self._state.accounts.by_original_id(body["original_id"])
        if account is None:
            raise NotKnownError("no account has this original id")
        account.messages = checked_messages(account.messages + body["messages"])
        return as_json(account)

    def _sessions(self, _: Answer) -> Answer:
        sessions = self._state.sessions
        return {
            "sessions": [
                as_json(
                    SessionReport(
                        session.token,
                        session.login.uuid,
                        session.account.name,
                        session.account.original_id,
                        sessions.alive(session),
                        session.expires_wall,
                        session.data_calls,
                        session.cookies,
                    )
                )
                for session in sessions.all()
            ]
        }

    def _kill_session(self, body: Answer) -> Answer:
        session = self._state.sessions.by_token(body["token"])
        if session is None:
            raise NotKnownError("no session has this token")
        session.killed = True
        return {}

    def _set_knobs(self, body: Answer) -> Answer:
        self._state.knobs = self._state.knobs.changed(body)
        return as_json(self._state.knobs)

    def _set_login_knobs(self, body: Answer) -> Answer:
        login = self._state.find_login(body["login"])
        knobs = self._state.knobs_for(login).changed(body["knobs"])
        login.own_knobs.update(body["knobs"])
        return as_json(knobs)

    def _add_fault(self, body: Answer) -> Answer:
        self._state.faults.add(Fault.from_json(body))
        return {}

    def _clear_faults(self, _: Answer) -> Answer:
        self._state.faults.clear()
        return {}

    def _advance_clock(self, body: Answer) -> Answer:
        self._state.clock.ahead += float(body["advance"])
        return {}

    def _reset(self, _: Answer) -> Answer:
        self._state.reset()
        return {}
