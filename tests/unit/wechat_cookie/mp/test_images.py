"""Pictures are known by their first bytes."""

import io

import pytest
from PIL import Image as Pillow

from services.wechat_cookie.mp.images import recognise


@pytest.mark.parametrize(
    ("encoder", "content_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
def test_what_a_real_encoder_writes_is_recognised(encoder: str, content_type: str) -> None:
    file = io.BytesIO()
    Pillow.new("RGB", (3, 3)).save(file, encoder)
    image = recognise(file.getvalue())
    assert image is not None
    assert image.content_type == content_type
    assert image.content == file.getvalue()
    assert image.is_whole


@pytest.mark.parametrize("encoder", ["JPEG", "PNG", "GIF", "WEBP"])
def test_half_a_picture_is_recognised_as_not_whole(encoder: str) -> None:
    file = io.BytesIO()
    Pillow.effect_noise((64, 64), 90).save(file, encoder)
    whole = file.getvalue()
    for length in (len(whole) // 2, len(whole) - 20):
        half = recognise(whole[:length])
        assert half is not None
        assert not half.is_whole


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!DOCTYPE html>",
        b"RIFF\0\0\0\0WAVE",
        b"BM\0\0",
        b"GIF",
    ],
)
def test_anything_else_is_no_picture(content: bytes) -> None:
    assert recognise(content) is None
