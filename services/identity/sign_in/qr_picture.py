"""QR codes as pictures."""

import io

import zxingcpp
from PIL import Image

PIXELS_PER_MODULE = 6


def png_of(text: str) -> bytes:
    """Returns a QR code of `text` as a PNG picture, black on white with the margin that readers need."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    pixels = zxingcpp.write_barcode_to_image(code, scale=PIXELS_PER_MODULE)
    height, width = pixels.shape
    # The pixels support the buffer protocol, which the library's type hints do not mention.
    content = bytes(pixels)  # type: ignore[call-overload]
    file = io.BytesIO()
    Image.frombytes("L", (width, height), content).convert("1").save(file, "PNG", optimize=True)
    return file.getvalue()
