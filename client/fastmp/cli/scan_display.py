"""The display of a login in a terminal: the QR code, the stages as they are reached, and the time left."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from fastmp.cli import qr_drawing, times
from fastmp.cli.login_following import Event
from fastmp.cli.output import Output, can_show
from fastmp.cli.plain_text import plain

SCANNABLE = {"waiting_for_scan", "no_account"}
# The rows below the drawing: the line with the time left, and one for the cursor.
ROWS_BESIDES = 2
# Low, because each refresh sends the whole drawing, perhaps over a slow connection.
REFRESHES_PER_SECOND = 2
BAR_COLUMNS = 20
# The spinner and the spaces between the parts of the line.
COLUMNS_BESIDES = 4
# One of the characters of rich's spinner "dots".
DOT_PATTERN = "⠋"


class ScanDisplay:
    """Shows one login. On a terminal, the drawing and the last line are updated in place."""

    def __init__(
        self, output: Output, *, dark_on_light: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """If `output` is JSON, nothing is drawn; a broken connection is reported on standard error."""
        self._output = output
        self._console = output.console
        self._dark_on_light = dark_on_light
        self._clock = clock
        self._bullet = "•" if can_show(self._console, "•") else "*"
        self._dots = "…" if can_show(self._console, "…") else "..."
        self._message = self._dots
        self._is_connected = True
        self._drawing: Text | None = None
        self._lifetime = 0.0
        self._ends_at = 0.0
        self._spinner = Spinner("dots" if can_show(self._console, DOT_PATTERN) else "line")
        self._live = Live(
            get_renderable=self._changing,
            console=self._console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
        )

    def __enter__(self) -> Self:
        if self._console.is_interactive and not self._output.as_json:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        """Shows the next event of the login."""
        if "qr_code" in event:
            self._show_qr_code(event)
        elif "progress" in event:
            if event["progress"]["stage"] not in SCANNABLE:
                # A code that was scanned or is being replaced must not be scanned again.
                self._drawing, self._lifetime = None, 0.0
            self._message = plain(event["progress"]["message"])
            # Printing above the live display repeats it as it was last drawn.
            self._refresh()
            self._console.print(f"{self._bullet} {self._message}")
        self._refresh()

    def show_connection(self, is_connected: bool) -> None:
        """Shows that the stream broke and is being resumed, or that it was restored."""
        if self._is_connected and not is_connected:
            console = self._console if self._live.is_started else self._output.messages
            console.print(f"{self._dots} the connection broke; coming back to the login")
        self._is_connected = is_connected

    def _show_qr_code(self, event: Event) -> None:
        code = event["qr_code"]
        if "url" not in code:
            self._console.print(
                "This QR code cannot be drawn. It is in the file of --qr-file, if one was named."
            )
            return
        drawing = self._draw(code["url"])
        wide = qr_drawing.columns(drawing)
        if self._console.is_terminal and wide > self._console.width:
            self._console.print(f"The terminal is too narrow for the QR code: it needs {wide} columns.")
            return
        # Both times are the server's, so that this machine's clock does not matter.
        span = times.parse(code["expire_time"]) - times.parse(event["time"])
        self._lifetime = max(span.total_seconds(), 0.0)
        self._ends_at = self._clock() + self._lifetime
        rows = drawing.plain.count("\n")
        if self._live.is_started and rows + ROWS_BESIDES <= self._console.height:
            self._drawing = drawing
        else:
            self._console.print(drawing, crop=False)

    def _refresh(self) -> None:
        if self._live.is_started:
            self._live.refresh()

    def _draw(self, content: str) -> Text:
        has_colours = bool(
            self._console.is_terminal and self._console.color_system and not self._console.no_color
        )
        if not can_show(self._console, qr_drawing.BLOCKS):
            return qr_drawing.in_ascii(content, dark_on_light=self._dark_on_light, with_colours=has_colours)
        if has_colours:
            return qr_drawing.in_colour(content)
        return qr_drawing.in_blocks(content, dark_on_light=self._dark_on_light)

    def _changing(self) -> RenderableType:
        line = Table.grid(padding=(0, 1))
        words = Text(self._message if self._is_connected else "connection lost, coming back")
        cells: list[RenderableType] = [self._spinner, words]
        if self._lifetime:
            seconds = max(self._ends_at - self._clock(), 0.0)
            left = f"{times.countdown(seconds)} left"
            # One row, as ROWS_BESIDES says; the whole message is printed above.
            room = self._console.width - BAR_COLUMNS - len(left) - COLUMNS_BESIDES
            words.truncate(max(room, 1), overflow="ellipsis")
            cells.append(ProgressBar(self._lifetime, seconds, width=BAR_COLUMNS))
            cells.append(Text(left))
        line.add_row(*cells)
        # Read once, because this runs on the refreshing thread.
        drawing = self._drawing
        return line if drawing is None else Group(drawing, line)
