"""Makes the exchange with WeChat for a login's step."""

from collections.abc import Callable

import structlog

from services.wechat_cookie.logins.rules.outcomes import Described, Outcome, QrFetched
from services.wechat_cookie.logins.rules.state import LoginState, Step
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import MpCookies
from services.wechat_cookie.mp.errors import MpError, UnreachableError
from services.wechat_cookie.mp.images import Image
from services.wechat_cookie.mp.results import Profile

_log = structlog.get_logger(__name__)


class Exchanges:
    """Makes exchanges with WeChat; keeps no state of logins. `read_qr` decodes a QR image."""

    def __init__(self, client: MpClient, read_qr: Callable[[Image], str | None]) -> None:
        self._client = client
        self._read_qr = read_qr

    def make(self, state: LoginState) -> Outcome:
        """Makes the exchange of `state.step` and returns what the client returned or raised."""
        try:
            return self._make(state)
        except MpError as error:
            return error

    def _make(self, state: LoginState) -> Outcome:
        match state.step:
            case Step.START:
                return self._qr_code(self._client.start_login(self._visited(state)))
            case Step.REPLACE_QR:
                return self._qr_code(state.cookies)
            case Step.ASK:
                return self._client.ask(state.cookies)
            case Step.ASK_APPROVAL:
                return self._client.ask_approval(state.cookies)
            case Step.FINISH:
                return self._client.finish_login(state.cookies)
            case Step.DESCRIBE:
                return self._describe(state)
        raise ValueError("the login has ended")

    def _visited(self, state: LoginState) -> MpCookies:
        try:
            return self._client.visit(MpCookies())
        except UnreachableError:
            raise
        except MpError as error:
            _log.info("visit_failed", reason=error.reason, **state.log_fields)
            return MpCookies()

    def _qr_code(self, cookies: MpCookies) -> QrFetched:
        image, after = self._client.fetch_qr_code(cookies)
        return QrFetched(image, self._read_qr(image), after)

    def _describe(self, state: LoginState) -> Described:
        profile = self._client.fetch_profile(state.cookies, state.token or "", state.home_path)
        if not profile.name:
            _log.warning("account_without_name", **state.log_fields)
        return Described(profile, self._avatar(state, profile))

    def _avatar(self, state: LoginState, profile: Profile) -> Image | None:
        if profile.avatar_url is None:
            return None
        try:
            return self._client.fetch_avatar(profile.avatar_url)
        except MpError as error:
            _log.warning("avatar_not_fetched", reason=error.reason, **state.log_fields)
            return None
