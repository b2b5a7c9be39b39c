"""Decodes WeChat's QR image, for clients that draw the code themselves, for example in a terminal."""

import io
import warnings

import structlog
import zxingcpp
from PIL import Image as Pictures

from services.wechat_cookie.mp.images import Image

_log = structlog.get_logger(__name__)

# WeChat's image has about 6 KB and 300 x 300 pixels. Far larger ones are not decoded.
MOST_BYTES = 200 * 1024
MOST_PIXELS = 1_000_000
LONGEST_URL = 1024
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")


def read_qr(image: Image) -> str | None:
    """Returns the text of the QR code in `image`, or None if there is none or the image is too large."""
    if len(image.content) > MOST_BYTES:
        return None
    try:
        with warnings.catch_warnings():
            # Pillow warns of decompression bombs; the limit below is far lower.
            warnings.simplefilter("ignore", Pictures.DecompressionBombWarning)
            return _read(image.content)
    except (OSError, ValueError, SyntaxError, Pictures.DecompressionBombError):
        _log.warning("qr_picture_unreadable", size=len(image.content))
        return None


def _read(content: bytes) -> str | None:
    with Pictures.open(io.BytesIO(content), formats=_FORMATS) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            return None
        grey = picture.convert("L")
    codes = zxingcpp.read_barcodes(grey, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    texts = [code.text for code in codes if 0 < len(code.text) <= LONGEST_URL and code.text.isprintable()]
    return texts[0] if texts else None
