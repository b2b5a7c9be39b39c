"""Every page at three widths, light and dark, in both languages: nothing sticks out, axe-core finds nothing.

With SCREENSHOTS set to a folder, the pictures go there for eyes to see.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from deploy.wechat_emulator.control import EmulatorControl
from tests.console.tab import Tab
from tests.whole_stack.people import People, Person

SIZES = {"phone": (390, 844), "tablet": (768, 1024), "desk": (1440, 900)}
LONG_NAME = "一个名字特别特别长的微信公众号官方账号旗舰店 with a tail that does not end"
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


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.timeout(300)
def test_every_page_fits_and_is_accessible(
    open_tab: Callable[..., Tab], people: People, wechat: EmulatorControl, language: str
) -> None:
    tab = open_tab(reduced_motion="reduce")
    page = tab.page

    def look(name: str, ready: str) -> None:
        expect(page.locator(ready).first).to_be_visible()
        look_closely(tab, f"{name}-{language}")

    def visit(name: str, ready: str) -> None:
        tab.show(name)
        look(name, ready)

    def enter(person: Person) -> None:
        page.evaluate("token => sessionStorage.setItem('fastmp.token', token)", person.token)
        page.reload()

    page.evaluate("language => sessionStorage.setItem('fastmp.language', language)", language)
    page.reload()
    look("sign-in", "form")
    page.locator("[type=submit]").click()
    look("sign-in-wrong", "[aria-invalid=true]")
    enter(people.pending())
    look("home-pending", "[name=activation_code]")
    # To an admin every page is there.
    enter(people.another_admin())
    tab.show("scan")
    look("scan-begin", ".button-large")
    page.locator(".button-large").click()
    login = tab.read_qr()
    look("scan-qr", ".qr[data-state=ready]")
    wechat.scan(login, account=LONG_NAME)
    look("scan-scanned", ".qr[data-state=used]")
    wechat.confirm(login)
    look("scan-done", ".ending-good .avatar img")
    page.locator(".ending .button-plain").click()
    wechat.cannot_login(tab.read_qr(), binduin=1)
    look("scan-failed", ".ending-bad")
    visit("cookies", ".avatar img")
    page.locator(".button-drop").first.click()
    look("cookies-delete", "dialog[open]")
    visit("home", ".avatar img")
    visit("profile", "[name=old_password]")
    visit("users", "td")
    page.locator(".cell-actions button").first.click()
    look("users-edit", "dialog[open]")
    tab.show("codes")
    page.locator(".view-head .button").last.click()
    look("codes-generate", "dialog[open]")
    page.locator("dialog [type=submit]").click()
    look("codes-made", ".codes-made")
    page.keyboard.press("Escape")
    look("codes", "td")
    visit("audit", "td")
    page.locator(".view-head .button").click()
    look("audit-verified", ".banner")


def look_closely(tab: Tab, name: str) -> None:
    """Looks at what is on the screen, in every size and colour."""
    for size, (width, height) in SIZES.items():
        tab.page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            tab.page.emulate_media(color_scheme=theme)
            where = f"{name}-{theme}-{width}"
            if folder := os.environ.get("SCREENSHOTS"):
                tab.page.screenshot(path=Path(folder) / f"{where}.png")
            assert tab.page.evaluate(STICKING_OUT) == [], where
            assert tab.page.evaluate(OVERLAPPING) == [], where
            # Its rules take long; what they see of structure and colours is in these two.
            if (size, theme) in {("phone", "dark"), ("desk", "light")}:
                found: list[dict[str, Any]] = Axe().run(tab.page, options=RULES).response["violations"]
                assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], where
