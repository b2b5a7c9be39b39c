"""`python -m tests.pictures`: starts a stack with an emulated WeChat, looks at it, and writes docs/pictures."""

import secrets
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from deploy import chromium
from deploy.local.settings import LocalSettings
from deploy.local.stack import LocalStack
from tests.console.tab import Tab
from tests.pictures.terminal_page import terminal_page
from tests.pictures.terminal_scan import scan_in_a_terminal
from tests.support.generous_limits import generous_environment
from tests.whole_stack.people import PASSWORD, People, Person

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
EMAIL = "alice@example.com"
SANDBOX_OFF = ["--no-sandbox"]


def main() -> int:
    """The exit status: 1 without a browser."""
    program = chromium.find()
    if program is None:
        print(chromium.ADVICE, file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(48)
    with tempfile.TemporaryDirectory(prefix="fastmp-pictures-") as folder:
        settings = LocalSettings.side_by_side(
            Path(folder) / "state", jwt_secret=secret, admin_password=secrets.token_urlsafe(16)
        )
        with (
            LocalStack(settings, wechat_emulator=(), environment=generous_environment()) as stack,
            People(stack, secret) as people,
            sync_playwright() as playwright,
        ):
            alice = _alice(people)
            browser = playwright.chromium.launch(executable_path=program, args=SANDBOX_OFF)
            _console(browser, stack, alice)
            screen = scan_in_a_terminal(stack.gateway_url, alice, Path(folder))
            _terminal(browser, terminal_page("fastmp cookie scan", screen))
            browser.close()
    return 0


def _alice(people: People) -> Person:
    body = {"email": EMAIL, "password": PASSWORD}
    account = people.rest("POST", "/auth/register", json=body).json()
    alice = Person(account["id"], EMAIL, people.token(account["id"]))
    people.rest("POST", "/activation/activate", alice, json={"activation_code": people.codes(1)[0]})
    return alice


def _console(browser: Browser, stack: LocalStack, alice: Person) -> None:
    """The scan page while its code is waiting for a phone."""
    context = browser.new_context(
        viewport={"width": 1120, "height": 620},
        locale="zh-CN",
        color_scheme="light",
        reduced_motion="reduce",
    )
    tab = Tab(context, stack.gateway_url)
    tab.enter(alice)
    tab.start_scan()
    tab.page.screenshot(path=FOLDER / "console.png")
    context.close()


def _terminal(browser: Browser, page: str) -> None:
    context = browser.new_context(device_scale_factor=2)
    tab = context.new_page()
    tab.set_content(page)
    tab.locator("#terminal").screenshot(path=FOLDER / "terminal-scan.png")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
