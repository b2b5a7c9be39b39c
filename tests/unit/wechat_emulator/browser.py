"""WeChat's login page as a few plain requests: the emulator's tests must not lean on the product's client."""

import io
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import requests
import zxingcpp
from PIL import Image

from deploy.wechat_emulator.running import RunningEmulator

_COMMON = {"token": "", "lang": "zh_CN", "f": "json", "ajax": "1"}


class Browser:
    """One browser with its own cookies."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.base_url = emulator.base_url
        self.http = requests.Session()
        self.http.trust_env = False
        if emulator.ca_file is not None:
            self.http.verify = emulator.ca_file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    @property
    def uuid(self) -> str:
        return self.http.cookies["uuid"]

    def get(self, path: str, **query: str) -> requests.Response:
        return self.http.get(self.base_url + path, params=_COMMON | query, timeout=5)

    def post(self, path: str, **form: str) -> requests.Response:
        return self.http.post(self.base_url + path, data=_COMMON | form, timeout=5)

    def start(self) -> requests.Response:
        return self.post("/cgi-bin/bizlogin?action=startlogin", login_type="3", sessionid="1700000000000")

    def qr(self) -> requests.Response:
        return self.get("/cgi-bin/scanloginqrcode", action="getqrcode", random="1700000000000")

    def qr_url(self) -> str:
        """The URL that a phone reads from the picture of a new QR."""
        picture = Image.open(io.BytesIO(self.qr().content))
        # Without the format one picture in thousands also reads as some one-dimensional code.
        [code] = zxingcpp.read_barcodes(
            picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
        return code.text

    def started(self) -> str:
        """Starts a login and returns the URL in its QR."""
        self.start()
        return self.qr_url()

    def ask(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.get("/cgi-bin/scanloginqrcode", action="ask").json()
        return answer

    def status(self) -> int:
        return int(self.ask()["status"])

    def ask_approval(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.get("/cgi-bin/loginauth", action="ask").json()
        return answer

    def finish(self) -> requests.Response:
        return self.post("/cgi-bin/bizlogin?action=login", login_type="3", cookie_forbidden="0")

    def log_in(self, emulator: RunningEmulator, account: str | None = None) -> str:
        """A whole login; returns the token."""
        emulator.control.scan_and_confirm(self.started(), account=account)
        return token_of(self.finish().json()["redirect_url"])

    def home(self, token: str) -> requests.Response:
        return self.get("/cgi-bin/home", t="home/index", token=token)

    def search(self, token: str, query: str = "读书", **more: str) -> dict[str, Any]:
        fields = {"action": "search_biz", "begin": "0", "count": "5", "query": query, "token": token}
        answer: dict[str, Any] = self.get("/cgi-bin/searchbiz", **(fields | more)).json()
        return answer

    def articles(self, token: str, fakeid: str, begin: int = 0, count: int = 5) -> dict[str, Any]:
        answer: dict[str, Any] = self.get(
            "/cgi-bin/appmsgpublish",
            sub="list",
            begin=str(begin),
            count=str(count),
            fakeid=fakeid,
            token=token,
        ).json()
        return answer


def token_of(redirect_url: str) -> str:
    return parse_qs(urlsplit(redirect_url).query)["token"][0]


def set_cookie_lines(response: requests.Response) -> dict[str, str]:
    """Each Set-Cookie line of its own, by the cookie's name; `requests` would fold them into one."""
    lines = response.raw.headers.getlist("Set-Cookie")
    return {line.partition("=")[0]: line for line in lines}
