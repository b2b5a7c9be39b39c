"""The actions of a person at the phone, or of an administrator, on a login."""

from collections.abc import Callable
from typing import Any

from deploy.wechat_emulator.login import Login
from deploy.wechat_emulator.reports import LoginReport
from deploy.wechat_emulator.state import WeChatState


def _scan(state: WeChatState, login: Login, body: dict[str, Any]) -> None:
    knobs = state.knobs_for(login)
    name, acct_size, status = body.get("account"), body.get("acct_size"), body.get("status")
    login.scan(
        state.accounts.fresh() if name is None else state.accounts.named(name),
        knobs.acct_size if acct_size is None else int(acct_size),
        knobs.scanned_status if status is None else int(status),
        state.clock.now(),
    )


def _confirm(state: WeChatState, login: Login, body: dict[str, Any]) -> None:
    name = body.get("account")
    login.confirm(None if name is None else state.accounts.named(name), state.clock.now())


def _cancel(state: WeChatState, login: Login, body: dict[str, Any]) -> None:
    login.end_pending("cancelled")


def _expire(state: WeChatState, login: Login, body: dict[str, Any]) -> None:
    login.end_pending("expired")


def _cannot_login(state: WeChatState, login: Login, body: dict[str, Any]) -> None:
    login.end_pending("cannot_login", int(body.get("binduin") or 0))


def _raw_status(state: WeChatState, login: Login, body: dict[str, Any]) -> None:
    login.raw_status = None if body["status"] is None else int(body["status"])


def _approval(state: WeChatState, login: Login, body: dict[str, Any]) -> None:
    login.approval = int(body["status"])


PHONE_ACTS: dict[str, Callable[[WeChatState, Login, dict[str, Any]], None]] = {
    "scan": _scan,
    "confirm": _confirm,
    "cancel": _cancel,
    "expire": _expire,
    "cannot_login": _cannot_login,
    "raw_status": _raw_status,
    "approval": _approval,
}


def act(state: WeChatState, name: str, body: dict[str, Any]) -> LoginReport:
    """Carries out the action `name` on the login `body["login"]` and returns its state afterwards.

    Raises KeyError for an unknown action or a missing detail, NotKnownError for an unknown login, PhoneError if the
    login does not allow the action now.
    """
    login = state.find_login(body["login"])
    PHONE_ACTS[name](state, login, body)
    return report(state, login.uuid)


def report(state: WeChatState, key: str) -> LoginReport:
    """Returns the state of the login with this uuid, QR ticket or URL. Raises as WeChatState.find_login does."""
    login = state.find_login(key)
    return LoginReport(
        login.uuid,
        login.ticket,
        login.stage,
        login.status,
        login.account.name if login.account else None,
        login.acct_size,
        login.qr_codes,
        login.asks,
        state.clock.true_monotonic(),
    )
