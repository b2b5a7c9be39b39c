"""One tab of a browser at the console, as a person uses it."""

import io
from collections.abc import Callable
from urllib.parse import urlsplit

import zxingcpp
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Request, expect

from tests.whole_stack.people import Person

TIMEOUT_MILLISECONDS = 15_000
expect.set_options(timeout=TIMEOUT_MILLISECONDS)

# Chromium reports each answer of 400 and more; what the page makes of it is tested where it belongs.
REFUSALS = "Failed to load resource"
# Runs before the page's own scripts.
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} stopped ${event.blockedURI}`));
"""
WATCH_STATUS = """
window.sentences = [];
new MutationObserver(() => {
  const words = document.querySelector(".scan-status")?.textContent;
  if (words && words !== window.sentences.at(-1)) window.sentences.push(words);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


class Tab:
    """Finds things as people do: by role and words."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        # What went wrong in the page, and requests to anywhere but the gateway.
        self.complaints: list[str] = []
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        context.add_init_script(WATCH_POLICY)
        context.add_init_script(WATCH_STATUS)
        context.on("request", self._look_at_request)
        context.on("console", self._listen)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page = context.new_page()
        self.page.goto(url)

    def _look_at_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "blob" and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.complaints.append(f"request to {parts.netloc}")

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and REFUSALS not in message.text:
            self.complaints.append(message.text)

    def show(self, page: str) -> None:
        """Goes to a page of the console."""
        self.page.evaluate("page => { location.hash = `#/${page}` }", page)

    def enter(self, person: Person, page: str = "home") -> None:
        """Opens a page as a person who has signed in in this tab before."""
        self.page.evaluate("token => sessionStorage.setItem('fastmp.token', token)", person.token)
        self.show(page)
        self.page.reload()
        expect(self.navigation).to_be_visible()

    @property
    def navigation(self) -> Locator:
        return self.page.get_by_role("navigation", name="主导航")

    @property
    def heading(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    @property
    def alert(self) -> Locator:
        return self.page.get_by_role("alert")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def agree(self, name: str) -> None:
        """Presses a button of the open dialog."""
        self.dialog.get_by_role("button", name=name, exact=True).click()

    def row(self, words: str) -> Locator:
        """The row of the table that holds the words."""
        return self.page.get_by_role("row").filter(has_text=words)

    # The scan page.

    @property
    def status(self) -> Locator:
        return self.page.locator(".scan-status")

    def sentences(self) -> list[str]:
        """What the scan page has said so far, in order."""
        said: list[str] = self.page.evaluate("window.sentences")
        return said

    def start_scan(self) -> str:
        """Starts a login; returns what a phone reads from the QR code on the screen."""
        self.show("scan")
        self.button("开始扫码").click()
        return self.read_qr()

    def read_qr(self) -> str:
        """What a phone reads from the screen as soon as there is a code to scan."""
        ready = self.page.locator(".qr[data-state=ready] .qr-image")
        expect(ready).to_have_js_property("complete", True)
        # A code that is just being replaced is blurred for a moment.
        read: list[str] = []
        self.until(lambda: bool(read) or _reads(ready, read))
        return read[0]

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition without starving the browser's events."""
        for _ in range(TIMEOUT_MILLISECONDS // 50):
            if condition():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("the condition did not come true in time")


def _reads(picture: Locator, into: list[str]) -> bool:
    found = zxingcpp.read_barcode(
        Image.open(io.BytesIO(picture.screenshot())),
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
    )
    if found is not None:
        into.append(found.text)
    return found is not None
