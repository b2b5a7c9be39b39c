"""Files that Envoy answers with by itself."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.contract import Contract
from gateway.extensions import Config, set_header
from gateway.openapi import document

_DOCS = Path(__file__).with_name("docs.html")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """What is answered at `path`; Envoy reads it from a file called `file_name`."""

    path: str
    file_name: str
    content_type: str
    content: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def route(self, folder: Path) -> Config:
        """The route's action, with the file in `folder`."""
        headers = (("content-type", self.content_type), *self.headers)
        return {
            "direct_response": {"status": 200, "body": {"filename": str(folder / self.file_name)}},
            "response_headers_to_add": [set_header(name, value) for name, value in headers],
        }


def pages(contract: Contract) -> Iterable[Page]:
    """Every page."""
    reference = json.dumps(document(contract), ensure_ascii=False, indent=1)
    docs = _DOCS.read_text("utf-8")
    guards = (("content-security-policy", content_security_policy(docs)), ("referrer-policy", "no-referrer"))
    return (
        Page("/openapi.json", "openapi.json", "application/json", reference.encode()),
        Page("/docs", "docs.html", "text/html; charset=utf-8", docs.encode(), guards),
    )


def content_security_policy(html: str) -> str:
    """Allows the page's own inline scripts and styles, by their hashes, its own origin's data, and nothing else."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    allowed = [f"{kind}-src {' '.join(found)}" for kind, found in hashes.items() if found]
    locked = ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")
    return "; ".join(("default-src 'none'", "connect-src 'self'", *allowed, *locked))
