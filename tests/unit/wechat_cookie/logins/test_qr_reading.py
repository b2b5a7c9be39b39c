"""Reading what a QR picture encodes, from pictures that may be anything."""

import io

import pytest
from PIL import Image as Pictures

from deploy.wechat_emulator.qr_image import qr_jpeg, scan_url
from services.wechat_cookie.logins.work.qr_reading import MOST_BYTES, read_qr
from services.wechat_cookie.mp.images import Image


def encoded(picture: Pictures.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_qr_code_is_read_from_each_kind_of_picture(kind: str) -> None:
    picture = Pictures.open(io.BytesIO(qr_jpeg("ab" * 16)))
    assert read_qr(Image(encoded(picture, kind), f"image/{kind.lower()}")) == scan_url("ab" * 16)


def test_a_picture_without_a_code_has_no_text() -> None:
    assert read_qr(Image(encoded(Pictures.new("L", (300, 300)), "JPEG"), "image/jpeg")) is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 500,
        qr_jpeg("ab" * 16)[:900],
        b"GIF87a" + b"\xff" * 900,
    ],
)
def test_a_broken_picture_has_no_text(content: bytes) -> None:
    assert read_qr(Image(content, "image/jpeg")) is None


def test_a_picture_that_unpacks_to_much_is_not_unpacked() -> None:
    bomb = encoded(Pictures.new("1", (20_000, 9_000)), "PNG")
    assert len(bomb) < MOST_BYTES
    assert read_qr(Image(bomb, "image/png")) is None


def test_a_picture_of_too_many_bytes_is_not_looked_at() -> None:
    padded = qr_jpeg("ab" * 16) + b"\x00" * MOST_BYTES
    assert read_qr(Image(padded, "image/jpeg")) is None


def test_other_formats_are_not_decoded() -> None:
    picture = Pictures.open(io.BytesIO(qr_jpeg("ab" * 16)))
    assert read_qr(Image(encoded(picture, "BMP"), "image/jpeg")) is None
