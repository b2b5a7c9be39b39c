"""URLs from WeChat's answers, and checks whether the client may request them."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from services.wechat_cookie.mp.errors import BadTokenError, ForeignRedirectError, NeedsVerificationError

# ASCII digits only, because the token becomes the name of a folder.
_TOKEN = re.compile(r"[0-9]{1,20}")
_PLAIN_PATH = re.compile(r"/(?:[!-.0-\[\]-~][!-\[\]-~]*)?")
_ARTICLE_HOST = "mp.weixin.qq.com"
_AVATAR_HOSTS = (".qlogo.cn", ".qpic.cn", ".weixin.qq.com")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_ADDRESS_LENGTH = 2048


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of WeChat, the only origin that gets cookies."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin | None":
        """Returns the origin of an absolute http(s) URL without user information, None for anything else."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if parts.scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc:
            return None
        return cls(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme])

    @property
    def cookie_host(self) -> str:
        """The host in cookies: http.cookiejar appends ".local" to one without a dot, as RFC 2965 requires."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if "." in host else f"{host}.local"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


@dataclass(frozen=True, repr=False)
class LoginRedirect:
    """The session's token, and the path and query of its home page. Both are secrets."""

    token: str
    home_path: str


def home_path(token: str) -> str:
    """Returns the path and query of the home page of the session with this token."""
    return "/cgi-bin/home?" + urlencode({"t": "home/index", "lang": "zh_CN", "token": token}, safe="/")


def is_token(text: str) -> bool:
    """Returns whether `text` can be a token of WeChat: 1 to 20 ASCII digits."""
    return _TOKEN.fullmatch(text) is not None


def login_redirect(redirect_url: str, wechat: Origin) -> LoginRedirect:
    """Returns the token and the home page in the last step's `redirect_url`.

    Raises:
        ForeignRedirectError: it has another origin than WeChat's or is not a URL.
        NeedsVerificationError: its query has no token.
        BadTokenError: the token is not a number, or there are several.
    """
    parts = _parts(redirect_url, wechat)
    try:
        tokens = parse_qs(parts.query, keep_blank_values=True, max_num_fields=50).get("token", [])
    except ValueError:
        raise ForeignRedirectError from None
    if tokens in ([], [""]):
        raise NeedsVerificationError
    if len(tokens) != 1 or not is_token(tokens[0]):
        raise BadTokenError
    path = f"{parts.path}?{parts.query}"
    return LoginRedirect(tokens[0], path if _PLAIN_PATH.fullmatch(path) else home_path(tokens[0]))


def avatar_address(head_image: str, wechat: Origin) -> str | None:
    """Returns the https URL of an avatar, or None if its host is not one of WeChat's image hosts.

    WeChat writes `http://…` and `//…` as well. Only WeChat's own origin keeps its scheme and port.
    """
    if len(head_image) > _MOST_ADDRESS_LENGTH:
        return None
    try:
        parts = urlsplit(head_image)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"", "http", "https"} or not host or "@" in parts.netloc:
        return None
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    if not _PLAIN_PATH.fullmatch(path):
        return None
    if host == wechat.host and port in {None, wechat.port}:
        return f"{wechat}{path}"
    usual = port is None or port == _DEFAULT_PORTS.get(parts.scheme)
    return f"https://{host}{path}" if usual and f".{host}".endswith(_AVATAR_HOSTS) else None


def article_address(link: str) -> str | None:
    """Returns the https URL of an article, or None if it is not on mp.weixin.qq.com. The fragment is left out."""
    if len(link) > _MOST_ADDRESS_LENGTH:
        return None
    try:
        parts = urlsplit(link)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or parts.netloc.partition(":")[0] != _ARTICLE_HOST:
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    usual = port in {None, _DEFAULT_PORTS[parts.scheme]}
    return f"https://{_ARTICLE_HOST}{path}" if usual and _PLAIN_PATH.fullmatch(path) else None


def _parts(redirect_url: str, wechat: Origin) -> SplitResult:
    try:
        parts = urlsplit(redirect_url)
    except ValueError:
        raise ForeignRedirectError from None
    relative = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    if not relative and Origin.of(redirect_url) != wechat:
        raise ForeignRedirectError
    return parts
