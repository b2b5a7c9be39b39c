"""Avatars of invented accounts, and invalid ones."""

import hashlib
import io
from collections.abc import AsyncIterator
from functools import lru_cache

from PIL import Image

_SIDE = 132
_BLOCK = 64 * 1024
JPEG_START = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"


@lru_cache(maxsize=256)
def avatar_jpeg(original_id: str) -> bytes:
    """Returns a plain square in the account's colour."""
    red, green, blue = hashlib.sha256(original_id.encode()).digest()[:3]
    file = io.BytesIO()
    Image.new("RGB", (_SIDE, _SIDE), (red, green, blue)).save(file, "JPEG")
    return file.getvalue()


async def endless_jpeg(size: int) -> AsyncIterator[bytes]:
    """Yields `size` bytes that begin like a JPEG, in blocks."""
    yield JPEG_START[:size]
    left = size - len(JPEG_START)
    while left > 0:
        yield bytes(min(left, _BLOCK))
        left -= _BLOCK
