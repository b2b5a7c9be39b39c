"""Bounded HTTP exchanges with WeChat on `requests`, with translation of their exceptions."""

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict

from services.chassis.name_resolution import Resolver
from services.wechat_cookie.mp.connections import Bounds, ExchangeTimeout, pool_classes
from services.wechat_cookie.mp.cookies import InvalidCookiesError, MpCookies
from services.wechat_cookie.mp.errors import AnswerTooLargeError, BadAnswerError, HttpStatusError
from services.wechat_cookie.mp.failures import failure_of
from services.wechat_cookie.mp.settings import MpSettings

_BLOCK = 16 * 1024
_MOST_HEADER_BYTES = 128 * 1024
_MOST_AVATAR_HOSTS = 4
_OK = range(200, 201)


@dataclass(frozen=True)
class RawAnswer:
    """A complete answer of an accepted HTTP status.

    `cookies` are those that went in, changed by the answer; the very same object if it set none.
    """

    body: bytes = field(repr=False)
    cookies: MpCookies = field(repr=False)


class Transport:
    """HTTP exchanges with WeChat on kept connections. Thread-safe.

    An HTTPAdapter without a Session: a Session makes a poll 1.5 times as expensive, keeps one jar for all
    logins, follows redirects and reads proxies from the environment.
    """

    def __init__(self, settings: MpSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._origin = settings.origin
        self._base = str(self._origin)
        largest = max(
            settings.most_json_bytes,
            settings.most_qr_bytes,
            settings.most_data_bytes,
            settings.most_page_bytes,
            settings.most_avatar_bytes,
        )
        self._adapter = _BoundedAdapter(
            Bounds(Resolver(most_threads=4), largest + _MOST_HEADER_BYTES),
            ssl.create_default_context(cafile=settings.ca_file or requests.utils.DEFAULT_CA_BUNDLE_PATH),
            settings.connections,
        )
        self._proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else {}
        self._headers = {
            "User-Agent": settings.user_agent,
            "Accept": "*/*",
            # No compression, so that the size limit applies to the received bytes.
            "Accept-Encoding": "identity",
            "Connection": "keep-alive",
        }
        # At DEBUG urllib3 logs the URL of each request, and that of the home page contains the session's token.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)

    def close(self) -> None:
        """Closes the kept connections. Exchanges in progress are not interrupted."""
        self._adapter.close()

    def get(self, path: str, cookies: MpCookies, limit: int, *, accepted: range = _OK) -> RawAnswer:
        """Sends a GET request for `path` (with its query) to WeChat, with the matching `cookies`.

        Raises:
            MpError: no complete answer of at most `limit` bytes was received, or its status is not `accepted`.
        """
        return self._exchange("GET", path, cookies, None, limit, accepted)

    def post(self, path: str, form: Mapping[str, str], cookies: MpCookies, limit: int) -> RawAnswer:
        """Sends `form` in a POST request to `path`, otherwise like `get`."""
        return self._exchange("POST", path, cookies, urlencode(form), limit, _OK)

    def get_public(self, url: str, limit: int) -> bytes:
        """Returns the body of a GET request to any URL, without cookies. Raises the same errors as `get`."""
        request = _prepared("GET", url, self._headers, None)
        return self._complete(request, MpCookies(), limit, _OK).body

    def _exchange(
        self, method: str, path: str, cookies: MpCookies, body: str | None, limit: int, accepted: range
    ) -> RawAnswer:
        headers = {**self._headers, "Referer": self._base + "/"}
        if body is not None:
            headers["Origin"] = self._base
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            headers["Content-Length"] = str(len(body))
        origin = self._origin
        cookie = cookies.header_for(origin.scheme, origin.cookie_host, path.partition("?")[0], self._clock())
        if cookie is not None:
            headers["Cookie"] = cookie
        return self._complete(_prepared(method, self._base + path, headers, body), cookies, limit, accepted)

    def _complete(
        self, request: requests.PreparedRequest, cookies: MpCookies, limit: int, accepted: range
    ) -> RawAnswer:
        settings = self._settings
        timeout = ExchangeTimeout(
            settings.connect_timeout, settings.read_timeout, time.monotonic() + settings.exchange_timeout
        )
        try:
            response = self._adapter.send(
                request, stream=True, timeout=cast(Any, timeout), proxies=self._proxies
            )
            try:
                after = _cookies_after(request, response, cookies)
                body = _body(response, limit)
            finally:
                # A connection whose answer was read completely is already back in the pool; any other is closed.
                response.close()
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            failure = failure_of(error)
        else:
            if response.status_code not in accepted:
                raise HttpStatusError(response.status_code)
            return RawAnswer(body, after)
        # Outside the except block: the library's error, which contains the URL, would become the context.
        raise failure


class _BoundedAdapter(HTTPAdapter):
    """The adapter of `requests` with connections that respect `bounds` and share a TLS context."""

    def __init__(self, bounds: Bounds, context: ssl.SSLContext, connections: int) -> None:
        self._bounds = bounds
        self._context = context
        super().__init__(pool_connections=1 + _MOST_AVATAR_HOSTS, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **options)
        self.poolmanager.pool_classes_by_scheme = pool_classes(self._bounds)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **options)
        manager.pool_classes_by_scheme = pool_classes(self._bounds)
        return manager

    def cert_verify(self, *_args: Any) -> None:
        """Does nothing: the context has its authorities. The original would add the public ones at each connect."""


def _prepared(
    method: str, url: str, headers: Mapping[str, str], body: str | None
) -> requests.PreparedRequest:
    # Filled in directly: all values are final, and prepare() is slow.
    request = requests.PreparedRequest()
    request.method, request.url, request.body = method, url, body
    request.headers = CaseInsensitiveDict(headers)
    return request


def _cookies_after(
    request: requests.PreparedRequest, response: requests.Response, cookies: MpCookies
) -> MpCookies:
    if "Set-Cookie" not in response.headers:
        return cookies
    jar = cookies.to_jar()
    extract_cookies_to_jar(jar, request, response.raw)  # type: ignore[no-untyped-call]
    try:
        return MpCookies.from_jar(jar)
    except InvalidCookiesError:
        raise BadAnswerError("cookies") from None


def _body(response: requests.Response, limit: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadAnswerError("encoded")
    blocks: list[bytes] = []
    left = limit
    # Not `stream()`: its chunked reader takes a line of any length.
    while block := response.raw.read(min(_BLOCK, left + 1), decode_content=False):
        blocks.append(block)
        left -= len(block)
        if left < 0:
            raise AnswerTooLargeError
    return b"".join(blocks)
