"""QR codes drawn with characters: block characters for two modules each, or two ASCII characters for one."""

from collections.abc import Iterator
from itertools import groupby

import qrcode
from rich.style import Style
from rich.text import Text

# The standard requires four light modules around the code; two are enough for phones.
BORDER_MODULES = 2
_DARK, _LIGHT = "#000000", "#ffffff"
BLOCKS = "█▀▄"


def in_colour(content: str) -> Text:
    """Draws the code black on white, whatever the terminal's colours are."""
    drawing = Text(no_wrap=True, overflow="ignore", end="")
    for upper_row, lower_row in _row_pairs(content):
        for (upper, lower), alike in groupby(zip(upper_row, lower_row, strict=True)):
            style = Style(color=_colour(upper), bgcolor=_colour(lower))
            drawing.append("▀" * len(list(alike)), style)
        drawing.append("\n")
    return drawing


def in_blocks(content: str, *, dark_on_light: bool) -> Text:
    """Draws the code without colours, for a dark terminal, or with `dark_on_light` for a light one."""
    drawing = Text(no_wrap=True, overflow="ignore", end="")
    for upper_row, lower_row in _row_pairs(content):
        cells = zip(upper_row, lower_row, strict=True)
        drawing.append(
            "".join(_block(upper is dark_on_light, lower is dark_on_light) for upper, lower in cells)
        )
        drawing.append("\n")
    return drawing


def in_ascii(content: str, *, dark_on_light: bool, with_colours: bool) -> Text:
    """Draws two ASCII characters a module: coloured blanks, or "##" for light (`dark_on_light`: dark) modules."""
    drawing = Text(no_wrap=True, overflow="ignore", end="")
    for row in _modules(content):
        for is_dark, alike in groupby(row):
            pair = "##" if is_dark is dark_on_light and not with_colours else "  "
            style = Style(bgcolor=_colour(is_dark)) if with_colours else Style()
            drawing.append(pair * len(list(alike)), style)
        drawing.append("\n")
    return drawing


def columns(drawing: Text) -> int:
    """Returns the width of a drawing in characters."""
    return drawing.plain.index("\n")


def _block(upper: bool, lower: bool) -> str:
    return {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}[upper, lower]


def _colour(is_dark: bool) -> str:
    return _DARK if is_dark else _LIGHT


def _row_pairs(content: str) -> Iterator[tuple[list[bool], list[bool]]]:
    rows = _modules(content)
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    return zip(rows[::2], rows[1::2], strict=True)


def _modules(content: str) -> list[list[bool]]:
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_L, border=BORDER_MODULES)
    code.add_data(content)
    return [[bool(module) for module in row] for row in code.get_matrix()]
