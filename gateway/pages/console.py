"""The pages of the web console: the files under gateway/console/, unchanged."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway.pages.page import Page

_FOLDER = Path(__file__).resolve().parent.parent / "console"
_START = "index.html"
_FOREVER = 365 * 24 * 3600
_CONTENT_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # QR codes and avatars are fetched with the token and shown from blobs.
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        # The browser refuses to turn text into markup or code.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_GUARDS = (
    ("content-security-policy", _POLICY),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)


def console_pages(folder: Path = _FOLDER) -> Iterable[Page]:
    """Yields the start page at "/", and each other file below "/console/<version>/".

    The version changes with any file, so that browsers may cache the files indefinitely and never mix two versions.
    Raises KeyError for a file name suffix without a content type.
    """
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    version = _version(files)
    for name, content in files.items():
        content_type = _CONTENT_TYPES[Path(name).suffix]
        file_name = f"console.{name.replace('/', '.')}"
        if name == _START:
            start = content.replace(b'"/console/', f'"/console/{version}/'.encode())
            yield Page("/", file_name, content_type, start, (*_GUARDS, ("cache-control", "no-cache")))
        else:
            kept = ("cache-control", f"public, max-age={_FOREVER}, immutable")
            yield Page(f"/console/{version}/{name}", file_name, content_type, content, (*_GUARDS, kept))


def _version(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name}:{len(content)}:".encode() + content)
    return digest.hexdigest()[:16]
