"""A terminal's screen as a page, for a browser to photograph."""

import html

import pyte
from pyte.screens import Char

# As terminals do, half blocks are drawn as areas: letters would leave seams in a QR code.
HALF_BLOCK = "▀"
# Chinese and its punctuation; a terminal gives them two cells.
FIRST_WIDE = "\u2e80"
INK, GROUND = "#d8dee4", "#11181c"
# The width of a cell in whole pixels, for the same reason.
CELL = 9
COLOURS = {
    "default": INK,
    "black": "#3b4650",
    "red": "#ff8a80",
    "green": "#7fd89b",
    "brown": "#f2cc74",
    "blue": "#8ab4f8",
    "magenta": "#d9a4ee",
    "cyan": "#7fd6dd",
    "white": "#d8dee4",
}
STYLE = f"""
body {{ margin: 0; background: #ffffff; }}
#terminal {{ display: inline-block; padding: 20px 26px; border-radius: 10px; background: {GROUND}; color: {INK};
  font: 14px/18px "DejaVu Sans Mono", "Noto Sans Mono CJK SC", "WenQuanYi Micro Hei Mono", monospace; }}
.row {{ height: 18px; white-space: pre; }}
.row span {{ display: inline-block; width: {CELL}px; height: 18px; vertical-align: top; text-align: center; }}
.row .wide {{ width: {2 * CELL}px; }}
.prompt {{ color: #7fd89b; }}
"""


def terminal_page(command: str, screen: pyte.Screen) -> str:
    """HTML of the screen below the `command` that was typed, as far down as anything is shown."""
    rows = [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]
    while rows and all(cell.data in {" ", ""} and cell.bg == "default" for cell in rows[-1]):
        rows.pop()
    letters = "".join(f"<span>{html.escape(letter)}</span>" for letter in f" {command}")
    typed = f'<div class="row"><span class="prompt">$</span>{letters}</div>'
    shown = "".join(f'<div class="row">{_row(row)}</div>' for row in rows)
    return f'<style>{STYLE}</style><div id="terminal">{typed}{shown}</div>'


def _row(cells: list[Char]) -> str:
    # A wide character is followed by a cell without one.
    return "".join(_cell(cell) for cell in cells if cell.data)


def _cell(cell: Char) -> str:
    ink, ground = _colour(cell.fg, INK), _colour(cell.bg, GROUND)
    if cell.data == HALF_BLOCK:
        return f'<span style="background:linear-gradient({ink} 50%,{ground} 50%)"></span>'
    width = "wide" if cell.data >= FIRST_WIDE else ""
    return f'<span class="{width}" style="color:{ink};background:{ground}">{html.escape(cell.data)}</span>'


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return COLOURS.get(name, f"#{name}")
