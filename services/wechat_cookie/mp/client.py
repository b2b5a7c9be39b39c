"""The requests to mp.weixin.qq.com: QR logins and data calls. Each is made once; retries are up to the caller."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Self
from urllib.parse import urlencode

from prometheus_client import CollectorRegistry

from services.wechat_cookie.mp import answers, data_answers, errors
from services.wechat_cookie.mp.addresses import avatar_address, home_path, is_token, login_redirect
from services.wechat_cookie.mp.cookies import UUID_COOKIE, MpCookies
from services.wechat_cookie.mp.data_pages import AccountsPage, ArticlesPage
from services.wechat_cookie.mp.home_page import read_home_page
from services.wechat_cookie.mp.images import Image, recognise
from services.wechat_cookie.mp.login_uuid import with_uuid
from services.wechat_cookie.mp.metrics import RequestMetrics
from services.wechat_cookie.mp.results import Ask, FinishedLogin, Profile
from services.wechat_cookie.mp.settings import MpSettings
from services.wechat_cookie.mp.statuses import ApprovalOutcome, approval_outcome, scan_outcome
from services.wechat_cookie.mp.traced import traced
from services.wechat_cookie.mp.transport import Transport

_COMMON = {"token": "", "lang": "zh_CN", "f": "json", "ajax": "1"}
_START_LOGIN = "/cgi-bin/bizlogin?action=startlogin"
_FINISH_LOGIN = "/cgi-bin/bizlogin?action=login"
_ASK = "/cgi-bin/scanloginqrcode?" + urlencode({"action": "ask", **_COMMON})
_ASK_APPROVAL = "/cgi-bin/loginauth?" + urlencode({"action": "ask", **_COMMON})
_LEAST_QR_BYTES = 128
_ANY_STATUS = range(100, 1000)
_DONE_OR_REDIRECT = range(200, 400)


class MpClient:
    """Makes the requests of all logins and sessions. Thread-safe. It keeps connections, and no state of any login.

    Every method takes the login's cookies and returns them as WeChat changed them, ends within
    `exchange_timeout` and reads no more than the limits of MpSettings. Every method raises an error from
    `errors` and nothing else; those of the exchange itself (UnreachableError, AnswerTimeoutError, DroppedError,
    HttpStatusError, BadAnswerError, AnswerTooLargeError) can be raised by each and are not repeated below.
    """

    def __init__(
        self,
        settings: MpSettings,
        clock: Callable[[], float],
        randomness: random.Random,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """`clock` returns seconds since 1970. The metrics of the requests are added to `registry`."""
        self._settings = settings
        self._origin = settings.origin
        self._clock = clock
        self._randomness = randomness
        self._transport = Transport(settings, clock)
        self._metrics = RequestMetrics(registry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the kept connections; a later exchange opens new ones."""
        self._transport.close()

    @property
    def egress(self) -> str:
        """Identifies the address that requests come from; see MpSettings.egress."""
        return self._settings.egress

    @traced
    def visit(self, cookies: MpCookies) -> MpCookies:
        """Fetches the front page for its visitor cookies, as a browser does. Any HTTP status is accepted.

        A login works without them, so only UnreachableError is a reason to fail.
        """
        with self._metrics.request("visit"):
            limit = self._settings.most_page_bytes
            return self._transport.get("/", cookies, limit, accepted=_ANY_STATUS).cookies

    @traced
    def start_login(self, cookies: MpCookies) -> MpCookies:
        """Opens a pending login; the `uuid` among the cookies is its key.

        Raises:
            NoUuidError: the answer has no uuid, so no QR code can be fetched.
            RetError: WeChat refused.
        """
        with self._metrics.request("start_login") as request:
            form = {
                "userlang": "zh_CN",
                "redirect_url": "",
                "login_type": "3",
                "sessionid": f"{self._milliseconds()}{self._randomness.randrange(100)}",
                **_COMMON,
            }
            fresh = cookies.without(UUID_COOKIE)
            raw = self._transport.post(_START_LOGIN, form, fresh, self._settings.most_json_bytes)
            answer = answers.parse(answers.StartLoginAnswer, raw.body)
            request.ret = answer.ret
            if answer.ret != 0:
                raise answers.error_for(answer.ret)
            return with_uuid(raw.cookies, answer.uuid, self._origin)

    @traced
    def fetch_qr_code(self, cookies: MpCookies) -> tuple[Image, MpCookies]:
        """Fetches a QR code of the pending login, the first one or a replacement.

        Raises:
            QrTooSmallError: the image is too small; WeChat sends it if it does not know the pending login.
            QrNotAnImageError: the body is not an image, or is truncated.
            RetError: WeChat refused in JSON.
        """
        with self._metrics.request("fetch_qr_code"):
            query = {"action": "getqrcode", "random": str(self._milliseconds()), "login_appid": ""}
            raw = self._transport.get(
                "/cgi-bin/scanloginqrcode?" + urlencode(query), cookies, self._settings.most_qr_bytes
            )
            image = recognise(raw.body)
            refusal = answers.refusal_in_json(raw.body) if image is None else None
            if refusal is not None:
                raise refusal
            if len(raw.body) < _LEAST_QR_BYTES:
                raise errors.QrTooSmallError
            if image is None or not image.is_whole:
                raise errors.QrNotAnImageError
            return image, raw.cookies

    @traced
    def ask(self, cookies: MpCookies) -> Ask:
        """Polls the phone's state.

        Raises:
            RateLimitedError: WeChat limits the rate of requests; the pending login may still be valid.
            SystemBusyError: a temporary error of WeChat.
        """
        with self._metrics.request("ask") as request:
            raw = self._transport.get(_ASK, cookies, self._settings.most_json_bytes)
            request.ret = ret = answers.ret_of_pending(raw.body)
            if ret != 0:
                return Ask(scan_outcome(ret, 0, 0, 0), 0, raw.cookies)
            answer = answers.parse(answers.AskAnswer, raw.body)
            outcome = scan_outcome(ret, answer.status, answer.acct_size, answer.binduin)
            return Ask(outcome, answer.user_category, raw.cookies)

    @traced
    def ask_approval(self, cookies: MpCookies) -> ApprovalOutcome:
        """Polls the administrator's decision about an operator's login. Raises the same errors as `ask`."""
        with self._metrics.request("ask_approval") as request:
            raw = self._transport.get(_ASK_APPROVAL, cookies, self._settings.most_json_bytes)
            request.ret = ret = answers.ret_of_pending(raw.body)
            if ret != 0:
                return approval_outcome(ret, 0)
            return approval_outcome(ret, answers.parse(answers.ApprovalAnswer, raw.body).status)

    @traced
    def finish_login(self, cookies: MpCookies) -> FinishedLogin:
        """Fetches the session after the confirmation. WeChat answers this once: store the result first.

        Raises:
            NoRedirectError, NeedsVerificationError: also for an operator's login before the approval.
            ForeignRedirectError, BadTokenError, NoSessionCookieError, NotJsonLoginError: an invalid answer.
            RateLimitedError, VerifyCodeNeededError: WeChat refused.
        """
        with self._metrics.request("finish_login") as request:
            form = {
                "userlang": "zh_CN",
                "redirect_url": "",
                "cookie_forbidden": "0",
                "cookie_cleaned": "0",
                "plugin_used": "0",
                "login_type": "3",
                **_COMMON,
            }
            raw = self._transport.post(_FINISH_LOGIN, form, cookies, self._settings.most_json_bytes)
            if answers.is_page(raw.body):
                raise errors.NotJsonLoginError
            answer = answers.parse(answers.LoginAnswer, raw.body)
            request.ret = answer.ret
            refusal = answers.error_for(answer.ret)
            if isinstance(refusal, (errors.RateLimitedError, errors.VerifyCodeNeededError)):
                raise refusal
            if answer.ret != 0 or not answer.redirect_url:
                raise errors.NoRedirectError(answer.ret)
            redirect = login_redirect(answer.redirect_url, self._origin)
            if not raw.cookies.has_session:
                raise errors.NoSessionCookieError
            return FinishedLogin(redirect.token, redirect.home_path, raw.cookies)

    @traced
    def fetch_profile(self, cookies: MpCookies, token: str, path: str | None = None) -> Profile:
        """Returns the account's name and avatar URL. `path` is the session's home page, as `finish_login` returned
        it, or None for the default one.

        Raises:
            SessionInvalidError: the session has ended.
            HomePageUnknownError: the page has an unknown form; the session may be valid.
            BadTokenError: `token` is no token. Nothing was asked.
        """
        with self._metrics.request("fetch_profile"):
            if not is_token(token):
                raise errors.BadTokenError
            raw = self._transport.get(path or home_path(token), cookies, self._settings.most_page_bytes)
            profile = read_home_page(raw.body, self._origin)
            return replace(profile, original_id=profile.original_id or cookies.original_id)

    @traced
    def fetch_avatar(self, avatar_url: str) -> Image:
        """Fetches the image at a Profile's `avatar_url`. No cookies are sent.

        Raises:
            AvatarRefusedError: the host is not WeChat's. No request was sent.
            AvatarNotAnImageError: the body is not an image.
        """
        with self._metrics.request("fetch_avatar"):
            url = avatar_address(avatar_url, self._origin)
            if url is None:
                raise errors.AvatarRefusedError
            image = recognise(self._transport.get_public(url, self._settings.most_avatar_bytes))
            if image is None or not image.is_whole:
                raise errors.AvatarNotAnImageError
            return image

    @traced
    def search_accounts(
        self, cookies: MpCookies, token: str, query: str, begin: int, count: int
    ) -> AccountsPage:
        """Searches official accounts by name or alias; `count` is at most data_answers.MOST_PER_PAGE.

        Raises:
            SessionInvalidError, CsrfTokenInvalidError: the session has ended.
            RateLimitedError: WeChat limits the rate of this session.
            RetError: WeChat refused.
            BadTokenError: `token` is no token. Nothing was asked.
        """
        asked = {"action": "search_biz", "begin": begin, "count": count, "query": query}
        with self._metrics.request("search_accounts") as request:
            body = self._data("/cgi-bin/searchbiz", cookies, token, asked)
            page = data_answers.accounts_page(body, self._origin)
            request.ret = 0
            return page

    @traced
    def list_articles(
        self, cookies: MpCookies, token: str, fakeid: str, begin: int, count: int
    ) -> ArticlesPage:
        """Lists articles of the account `fakeid`, newest first. `begin` and `count`, at most MOST_PER_PAGE, count
        messages of several articles each. Raises the same errors as `search_accounts`.
        """
        asked = {
            "sub": "list",
            "search_field": "null",
            "begin": begin,
            "count": count,
            "query": "",
            "fakeid": fakeid,
            "type": "101_1",
            "free_publish_type": "1",
            "sub_action": "list_ex",
        }
        with self._metrics.request("list_articles") as request:
            body = self._data("/cgi-bin/appmsgpublish", cookies, token, asked)
            page = data_answers.articles_page(body, self._origin)
            request.ret = 0
            return page

    @traced
    def logout(self, cookies: MpCookies, token: str) -> None:
        """Ends the session at WeChat. Idempotent.

        Raises:
            BadTokenError: `token` is no token. Nothing was asked.
        """
        with self._metrics.request("logout"):
            if not is_token(token):
                raise errors.BadTokenError
            query = urlencode({"t": "wxm-logout", "token": token, "lang": "zh_CN"})
            limit = self._settings.most_page_bytes
            self._transport.get(f"/cgi-bin/logout?{query}", cookies, limit, accepted=_DONE_OR_REDIRECT)

    def _data(self, path: str, cookies: MpCookies, token: str, asked: Mapping[str, object]) -> bytes:
        if not is_token(token):
            raise errors.BadTokenError
        query = urlencode({**asked, **_COMMON, "token": token})
        return self._transport.get(f"{path}?{query}", cookies, self._settings.most_data_bytes).body

    def _milliseconds(self) -> int:
        return int(self._clock() * 1000)
