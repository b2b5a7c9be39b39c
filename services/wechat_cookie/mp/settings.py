"""The settings of an MpClient: WeChat's address, and the limits of each exchange with it."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from services.wechat_cookie.mp.addresses import Origin

_NO_PATH = (("", "", ""), ("/", "", ""))
_DESKTOP_BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)


class InvalidMpSettingError(ValueError):
    """An invalid setting; the message names it."""


@dataclass(frozen=True, kw_only=True)
class MpSettings:
    """Times are seconds, sizes bytes.

    `connect_timeout` spans name resolution, TCP and each step of TLS, `read_timeout` the whole answer from the sent
    request on, `exchange_timeout` both. `connections` is the size of the connection pool; it should be the number
    of threads that poll. `ca_file` replaces the default authorities. `proxy` is an http:// URL and may contain a
    password. The environment's proxies are not used.
    """

    base_url: str = "https://mp.weixin.qq.com"
    ca_file: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    connect_timeout: float = 4.0
    read_timeout: float = 6.0
    exchange_timeout: float = 8.0
    connections: int = 32
    user_agent: str = _DESKTOP_BROWSER
    most_json_bytes: int = 64 * 1024
    most_qr_bytes: int = 256 * 1024
    most_data_bytes: int = 2 * 1024 * 1024
    most_page_bytes: int = 2 * 1024 * 1024
    most_avatar_bytes: int = 2 * 1024 * 1024

    def __post_init__(self) -> None:
        """
        Raises:
            InvalidMpSettingError: a setting is invalid.
        """
        if Origin.of(self.base_url) is None or urlsplit(self.base_url)[2:] not in _NO_PATH:
            raise InvalidMpSettingError("base_url is not http(s)://host[:port]")
        if self.ca_file is not None and not self.ca_file.is_file():
            raise InvalidMpSettingError("ca_file is not a file")
        if self.proxy is not None and not _is_http_proxy(self.proxy):
            raise InvalidMpSettingError("proxy is not http://[user:password@]host:port")
        for name in (
            "connect_timeout",
            "read_timeout",
            "exchange_timeout",
            "connections",
            "most_json_bytes",
            "most_qr_bytes",
            "most_data_bytes",
            "most_page_bytes",
            "most_avatar_bytes",
        ):
            if not getattr(self, name) > 0:
                raise InvalidMpSettingError(f"{name} is not above 0")

    @property
    def origin(self) -> Origin:
        """WeChat's origin."""
        origin = Origin.of(self.base_url)
        if origin is None:
            raise InvalidMpSettingError("base_url is not http(s)://host[:port]")
        return origin

    @property
    def egress(self) -> str:
        """The proxy's host and port, without credentials; empty without a proxy."""
        return urlsplit(self.proxy).netloc.rpartition("@")[2] if self.proxy else ""


def _is_http_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port is not None
    except ValueError:
        return False
