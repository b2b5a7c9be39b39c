"""The API reference at /docs in a browser: one language, a summary and an example of every call."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from gateway.contract import Contract
from tests.console.tab import Tab

# The gateway's own pages beside the RPCs.
OWN_PAGES = 3


@pytest.mark.parametrize("width", [390, 1280])
def test_every_call_has_a_summary_and_an_example(open_tab: Callable[..., Tab], width: int) -> None:
    tab = open_tab(viewport={"width": width, "height": 900})
    tab.page.goto(f"{tab.url}/docs")
    calls = tab.page.locator("details", has=tab.page.locator(".access"))
    expect(calls).to_have_count(len(Contract.load().rpcs) + OWN_PAGES)
    for call in calls.all():
        expect(call.locator(".says")).to_have_text(re.compile(r"[A-Z]\w+"))
        call.locator("summary").click()
        expect(call.locator("pre").first).to_have_text(re.compile(r"^curl .*'http://.*", re.DOTALL))
    assert not re.search(r"[\u4e00-\u9fff]", tab.page.inner_text("body"))
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
