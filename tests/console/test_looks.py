"""Every page at six widths, light and dark, in both languages, with long names.

No button wraps, nothing sticks out, axe-core finds nothing.

With SCREENSHOTS set to a folder, the pictures go there for eyes to see.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from deploy.wechat_emulator.control import EmulatorControl
from tests.console.tab import Tab
from tests.whole_stack.people import People, Person

# At 1240 tables have the least space before they become lists.
SIZES = {390: 844, 768: 1024, 1024: 768, 1240: 800, 1280: 800, 1440: 900}
# In dark colours only the outermost: lines break at the same places.
DARK = {390, 1440}
LONG_NAME = "一个名字特别特别长的微信公众号官方账号旗舰店 with a tail that does not end"
NAME_OF_30 = "三十个汉字的公众号名称在每一个宽度上都应当完整显示而不溢出它的卡片"[:30]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# What sticks out of the window or of its own box; what is there for screen readers only does not count.
STICKING_OUT = """() => {
  const root = document.documentElement;
  const found = root.scrollWidth > root.clientWidth ? [`the page: ${root.scrollWidth}`] : [];
  for (const one of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    if (!box.width || one.closest("svg, thead, .tool-words, .skip, option")) continue;
    const name = `${one.tagName}.${one.className}`;
    if (box.right > innerWidth + 1 || box.left < -1) found.push(`${name}: ${box.left} to ${box.right}`);
    const isBox = one.clientWidth && style.overflowX === "visible" && style.display !== "inline";
    if (isBox && one.scrollWidth > one.clientWidth + 1)
      found.push(`${name}: ${one.scrollWidth} in ${one.clientWidth}`);
  }
  return found;
}"""
ITEMS_ON_SCREEN = """() => [...document.querySelectorAll("tbody tr")].filter((row) => {
  const box = row.getBoundingClientRect();
  return box.top >= 0 && box.bottom <= innerHeight;
}).length"""
# Buttons, badges and times with more than one line.
WRAPPED = """() => {
  const found = [];
  for (const one of document.querySelectorAll(".button, .badge, .tool, .nav-link, time, th")) {
    const range = document.createRange();
    range.selectNodeContents(one);
    const words = [...range.getClientRects()].filter((box) => box.width > 1 && box.height > 1);
    const icons = [...one.querySelectorAll("svg")].map((icon) => icon.getBoundingClientRect().bottom);
    const lines = words.filter((box) => !icons.includes(box.bottom)).map((box) => box.bottom);
    if (Math.max(...lines) - Math.min(...lines) > 6) found.push(`${one.className}: ${one.textContent}`);
  }
  return found;
}"""
# Buttons and words of one card that lie on each other.
OVERLAPPING = """() => {
  const kinds = ["button", "a", "input", "select", ".badge", "h1", "h2"].map((kind) => `main ${kind}`);
  const all = [...document.querySelectorAll(kinds.join(", "))]
    .filter((one) => one.getClientRects().length && !one.closest("dialog"));
  const found = [];
  for (const [index, one] of all.entries()) for (const other of all.slice(index + 1)) {
    if (one.contains(other) || other.contains(one)) continue;
    const a = one.getBoundingClientRect(), b = other.getBoundingClientRect();
    const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (width > 1 && height > 1) found.push(`${one.textContent} on ${other.textContent}`);
  }
  return found;
}"""


class Looker:
    """Looks closely at one page after the other of a tab in one language."""

    def __init__(self, tab: Tab, language: str) -> None:
        self.page = tab.page
        self.tab = tab
        self._language = language
        self.page.evaluate("language => localStorage.setItem('fastmp.language', language)", language)
        self.page.reload()

    def enter(self, person: Person) -> None:
        self.page.evaluate("token => sessionStorage.setItem('fastmp.token', token)", person.token)
        self.page.reload()

    def look(self, name: str, ready: str) -> None:
        expect(self.page.locator(ready).first).to_be_visible()
        look_closely(self.tab, f"{name}-{self._language}")

    def visit(self, name: str, ready: str, state: str = "") -> None:
        self.tab.show(name)
        self.look(name + state, ready)


@pytest.fixture(params=["zh", "en"])
def looker(open_tab: Callable[..., Tab], request: pytest.FixtureRequest) -> Looker:
    return Looker(open_tab(reduced_motion="reduce"), request.param)


@pytest.mark.timeout(300)
def test_signing_in_and_a_new_account(looker: Looker, people: People) -> None:
    looker.look("sign-in", "form")
    looker.page.locator("[type=submit]").click()
    looker.look("sign-in-wrong", "[aria-invalid=true]")
    looker.enter(people.pending(long_email()))
    looker.look("home-pending", "[name=activation_code]")
    looker.visit("scan", ".empty .button", "-pending")
    looker.visit("cookies", ".empty .button", "-pending")
    looker.visit("profile", "[name=old_password]", "-pending")


@pytest.mark.timeout(300)
def test_scanning_and_official_accounts(looker: Looker, people: People, wechat: EmulatorControl) -> None:
    tab, page = looker.tab, looker.page
    looker.enter(people.active(long_email()))
    looker.visit("scan", ".button-large", "-begin")
    page.locator(".button-large").click()
    wechat.expire(tab.read_qr())
    looker.look("scan-renewed", ".scan-renewal:not([hidden])")
    login = tab.read_qr()
    wechat.scan(login, account=LONG_NAME)
    looker.look("scan-scanned", ".qr[data-state=used]")
    wechat.confirm(login)
    looker.look("scan-done", ".ending-good .avatar img")
    page.locator(".ending .button-plain").click()
    wechat.cannot_login(tab.read_qr(), binduin=1)
    looker.look("scan-failed", ".ending-bad")
    page.locator(".ending button").click()
    wechat.scan_and_confirm(tab.read_qr(), account=NAME_OF_30)
    expect(page.locator(".ending-good")).to_be_visible()
    looker.visit("cookies", ".avatar img")
    page.locator(".button-drop").first.click()
    looker.look("cookies-delete", "dialog[open]")
    looker.visit("home", ".avatar img")
    looker.visit("profile", "[name=old_password]")


@pytest.mark.timeout(300)
def test_administration(looker: Looker, people: People) -> None:
    page = looker.page
    admin = people.active(long_email())
    people.update(admin, role="admin")
    for _ in range(3):
        people.active(long_email())
    looker.enter(admin)
    looker.visit("overview", "main section")
    looker.visit("users", "td")
    page.locator(".cell-actions button").first.click()
    looker.look("users-edit", "dialog[open]")
    page.locator("dialog .link").first.click()
    page.locator("dialog [type=submit]").click()
    looker.look("users-password-link", "dialog input[name=url]")
    link = page.locator("dialog input").input_value()
    page.keyboard.press("Escape")
    page.locator(".filters input").fill("no such user")
    looker.look("users-none", ".empty")
    terms = {"days_from": "expiry", "redeem_before": "2031-12-26T23:48:00Z", "note": "张三的渠道" * 40}
    batch = {"valid_days": 3650, "count": 25, **terms}
    assert people.rest("POST", "/activation/generate", admin, json=batch).status_code == 200
    looker.tab.show("codes?view=batches")
    looker.look("codes-batches", "td")
    looker.visit("codes", "td")
    page.locator(".view-head .button").last.click()
    looker.look("codes-generate", "dialog[open]")
    page.locator("dialog [name=note]").fill(NAME_OF_30)
    page.locator("dialog [type=submit]").click()
    looker.look("codes-made", ".codes-made")
    page.keyboard.press("Escape")
    expect(page.locator("td").filter(has_text=NAME_OF_30).first).to_be_visible()
    looker.look("codes-of-a-batch", "td")
    looker.tab.show("codes?view=batches")
    expect(page.locator("td").filter(has_text=NAME_OF_30).first).to_be_visible()
    looker.look("batches", "td")
    looker.visit("audit", "td")
    page.locator(".view-head .button").click()
    looker.look("audit-verified", ".banner")
    looker.visit("profile", "[name=old_password]", "-admin")
    page.locator(".card-head ~ .buttons .button").first.click()
    looker.look("second-factor", "dialog img")
    page.keyboard.press("Escape")
    page.goto(link)
    looker.look("new-password", "[type=submit]")


@pytest.mark.parametrize(("width", "height"), [(768, 1024), (1024, 768), (1100, 768)])
def test_a_list_on_a_tablet_shows_more_than_a_few_items(
    tab: Tab, people: People, width: int, height: int
) -> None:
    people.codes(12)
    tab.page.set_viewport_size({"width": width, "height": height})
    tab.enter(people.admin, "codes")
    expect(tab.page.locator("td").first).to_be_visible()
    assert tab.page.evaluate(ITEMS_ON_SCREEN) >= height // 140


def test_the_way_out_of_a_scan_is_above_the_tab_bar_of_a_phone(
    tab: Tab, people: People, wechat: EmulatorControl
) -> None:
    tab.page.set_viewport_size({"width": 390, "height": 700})
    tab.enter(people.active())
    tab.start_scan()
    cancel = tab.button("取消登录").bounding_box()
    bar = tab.navigation.bounding_box()
    assert cancel is not None
    assert bar is not None
    assert cancel["y"] + cancel["height"] <= bar["y"]


def long_email() -> str:
    """A new address of 50 characters."""
    return f"{secrets.token_hex(16)}@long-name.example"


def look_closely(tab: Tab, name: str) -> None:
    """Looks at what is on the screen, in every size and colour."""
    for width, height in SIZES.items():
        tab.page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark") if width in DARK else ("light",):
            tab.page.emulate_media(color_scheme=theme)
            where = f"{name}-{theme}-{width}"
            if folder := os.environ.get("SCREENSHOTS"):
                tab.page.screenshot(path=Path(folder) / f"{where}.png")
            assert tab.page.evaluate(STICKING_OUT) == [], where
            assert tab.page.evaluate(OVERLAPPING) == [], where
            assert tab.page.evaluate(WRAPPED) == [], where
            # Its rules take long; what they see of structure and colours is in these two.
            if (width, theme) in {(390, "dark"), (1440, "light")}:
                found: list[dict[str, Any]] = Axe().run(tab.page, options=RULES).response["violations"]
                assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], where
