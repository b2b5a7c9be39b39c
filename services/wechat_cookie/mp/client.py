"""The requests to mp.weixin.qq.com: QR logins and data calls. Each is made once; retries are up to the caller."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Self
from urllib.parse import urlencode

from services.wechat_cookie.mp import answers, data_answers, errors
from services.wechat_cookie.mp.addresses import avatar_address, home_path, is_token, login_redirect
from services.wechat_cookie.mp.cookies import UUID_COOKIE, Cookie, MpCookies
from services.wechat_cookie.mp.data_pages import AccountsPage, ArticlesPage
from services.wechat_cookie.mp.home_page import read_home_page
from services.wechat_cookie.mp.images import Image, recognise
from services.wechat_cookie.mp.results import Ask, FinishedLogin, Profile
from services.wechat_cookie.mp.settings import MpSettings
from services.wechat_cookie.mp.statuses import ApprovalOutcome, approval_outcome, scan_outcome
from services.wechat_cookie.mp.traced import traced
from services.wechat_cookie.mp.transport import RawAnswer, Transport

_COMMON = {"token": "", "lang": "zh_CN", "f": "json", "ajax": "1"}
_START_LOGIN = "/cgi-bin/bizlogin?action=startlogin"
_FINISH_LOGIN = "/cgi-bin/bizlogin?action=login"
_ASK = "/cgi-bin/scanloginqrcode?" + urlencode({"action": "ask", **_COMMON})
_ASK_APPROVAL = "/cgi-bin/loginauth?" + urlencode({"action": "ask", **_COMMON})
_LEAST_QR_BYTES = 128
_ANY_STATUS = range(100, 1000)
_DONE_OR_REDIRECT = range(200, 400)
_UUID = re.compile(r"[0-9A-Za-z_-]{8,128}")
# Temporary errors. In the answer to a poll any other `ret` is the state of the pending login, and so is 1
# ("default"): there it means an invalid QR code, and elsewhere a temporary error.
_PASSING = (errors.RateLimitedError, errors.SystemBusyError)
_DEAD_QR_RET = 1


class MpClient:
    """Makes the requests of all logins and sessions. Thread-safe. It keeps connections, and no state of any login.

    Every method takes the login's cookies and returns them as WeChat changed them, ends within
    `exchange_timeout` and reads no more than the limits of MpSettings. Every method raises an error from
    `errors` and nothing else; those of the exchange itself (UnreachableError, AnswerTimeoutError, DroppedError,
    HttpStatusError, BadAnswerError, AnswerTooLargeError) can be raised by each and are not repeated below.
    """

    def __init__(self, settings: MpSettings, clock: Callable[[], float], randomness: random.Random) -> None:
        """`clock` returns seconds since 1970."""
        self._settings = settings
        self._origin = settings.origin
        self._clock = clock
        self._randomness = randomness
        self._transport = Transport(settings, clock)

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
        limit = self._settings.most_page_bytes
        return self._transport.get("/", cookies, limit, accepted=_ANY_STATUS).cookies

    @traced
    def start_login(self, cookies: MpCookies) -> MpCookies:
        """Opens a pending login; the `uuid` among the cookies is its key.

        Raises:
            NoUuidError: the answer has no uuid, so no QR code can be fetched.
            RetError: WeChat refused.
        """
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
        if answer.ret != 0:
            raise answers.error_for(answer.ret)
        return self._with_uuid(raw.cookies, answer.uuid)

    @traced
    def fetch_qr_code(self, cookies: MpCookies) -> tuple[Image, MpCookies]:
        """Fetches a QR code of the pending login, the first one or a replacement.

        Raises:
            QrTooSmallError: the image is too small; WeChat sends it if it does not know the pending login.
            QrNotAnImageError: the body is not an image, or is truncated.
            RetError: WeChat refused in JSON.
        """
        query = {"action": "getqrcode", "random": str(self._milliseconds()), "login_appid": ""}
        raw = self._transport.get(
            "/cgi-bin/scanloginqrcode?" + urlencode(query), cookies, self._settings.most_qr_bytes
        )
        image = recognise(raw.body)
        refusal = _json_instead_of_qr(raw.body) if image is None else None
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
        raw = self._transport.get(_ASK, cookies, self._settings.most_json_bytes)
        ret = _ret_of_pending(raw)
        if ret != 0:
            return Ask(scan_outcome(ret, 0, 0, 0), 0, raw.cookies)
        answer = answers.parse(answers.AskAnswer, raw.body)
        outcome = scan_outcome(ret, answer.status, answer.acct_size, answer.binduin)
        return Ask(outcome, answer.user_category, raw.cookies)

    @traced
    def ask_approval(self, cookies: MpCookies) -> ApprovalOutcome:
        """Polls the administrator's decision about an operator's login. Raises the same errors as `ask`."""
        raw = self._transport.get(_ASK_APPROVAL, cookies, self._settings.most_json_bytes)
        ret = _ret_of_pending(raw)
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
        body = self._data("/cgi-bin/searchbiz", cookies, token, asked)
        return data_answers.accounts_page(body, self._origin)

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
        body = self._data("/cgi-bin/appmsgpublish", cookies, token, asked)
        return data_answers.articles_page(body, self._origin)

    @traced
    def logout(self, cookies: MpCookies, token: str) -> None:
        """Ends the session at WeChat. Idempotent.

        Raises:
            BadTokenError: `token` is no token. Nothing was asked.
        """
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

    def _with_uuid(self, cookies: MpCookies, in_body: str | None) -> MpCookies:
        cookie = cookies.get(UUID_COOKIE)
        if cookie is not None and _UUID.fullmatch(cookie.value):
            return cookies
        if in_body is None or not _UUID.fullmatch(in_body):
            raise errors.NoUuidError
        origin = self._origin
        return cookies.with_cookie(
            Cookie(
                name=UUID_COOKIE,
                value=in_body,
                domain=origin.cookie_host,
                secure=origin.scheme == "https",
                http_only=True,
            )
        )


def _ret_of_pending(raw: RawAnswer) -> int:
    ret = answers.parse(answers.Answer, raw.body).ret
    error = answers.error_for(ret)
    if isinstance(error, _PASSING) and ret != _DEAD_QR_RET:
        raise error
    return ret


def _json_instead_of_qr(body: bytes) -> errors.MpError | None:
    try:
        ret = answers.parse(answers.Answer, body).ret
    except errors.BadAnswerError:
        return None
    return answers.error_for(ret) if ret != 0 else None
