"""QR codes drawn with characters: two modules in each, or two characters for a module where blocks are missing."""

from collections.abc import Iterator
from itertools import groupby

import qrcode
from rich.style import Style
from rich.text import Text

# The standard asks for four light modules around the code; phones read two.
BORDER_MODULES = 2
_DARK, _LIGHT = "#000000", "#ffffff"
BLOCKS = "█▀▄"


def in_colour(content: str) -> Text:
    """Black on white, whatever the terminal's own colours are."""
    drawing = Text(no_wrap=True, overflow="ignore", end="")
    for upper_row, lower_row in _row_pairs(content):
        for (upper, lower), alike in groupby(zip(upper_row, lower_row, strict=True)):
            style = Style(color=_colour(upper), bgcolor=_colour(lower))
            drawing.append("▀" * len(list(alike)), style)
        drawing.append("\n")
    return drawing


def in_blocks(content: str, *, dark_on_light: bool) -> Text:
    """Without colours, for light characters on a dark ground; with `dark_on_light` for the reverse."""
    drawing = Text(no_wrap=True, overflow="ignore", end="")
    for upper_row, lower_row in _row_pairs(content):
        cells = zip(upper_row, lower_row, strict=True)
        drawing.append(
            "".join(_block(upper is dark_on_light, lower is dark_on_light) for upper, lower in cells)
        )
        drawing.append("\n")
    return drawing


def in_ascii(content: str, *, dark_on_light: bool, with_colours: bool) -> Text:
    """Two ASCII characters a module: coloured blanks, else "##" for light modules, dark ones if `dark_on_light`."""
    drawing = Text(no_wrap=True, overflow="ignore", end="")
    for row in _modules(content):
        for is_dark, alike in groupby(row):
            pair = "##" if is_dark is dark_on_light and not with_colours else "  "
            style = Style(bgcolor=_colour(is_dark)) if with_colours else Style()
            drawing.append(pair * len(list(alike)), style)
        drawing.append("\n")
    return drawing


def columns(drawing: Text) -> int:
    """The width of a drawing."""
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
