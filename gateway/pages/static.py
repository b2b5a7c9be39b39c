"""All pages that Envoy serves from files: the API reference and the console."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from gateway.contract import Contract
from gateway.openapi import document
from gateway.pages.console import console_pages
from gateway.pages.page import Page

_DOCS = Path(__file__).with_name("docs.html")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def pages(contract: Contract) -> Iterable[Page]:
    """Returns every page."""
    reference = json.dumps(document(contract), ensure_ascii=False, indent=1)
    docs = _DOCS.read_text("utf-8")
    headers = (("content-security-policy", content_security_policy(docs)), ("referrer-policy", "no-referrer"))
    return (
        Page("/openapi.json", "openapi.json", "application/json", reference.encode()),
        Page("/docs", "docs.html", "text/html; charset=utf-8", docs.encode(), headers),
        *console_pages(),
    )


def content_security_policy(html: str) -> str:
    """Returns a policy that allows the page's inline scripts and styles and calls to its origin, nothing else."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    allowed = [f"{kind}-src {' '.join(found)}" for kind, found in hashes.items() if found]
    locked = ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")
    return "; ".join(("default-src 'none'", "connect-src 'self'", *allowed, *locked))
