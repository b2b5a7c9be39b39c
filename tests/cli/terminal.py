"""A terminal with a program in it, and a phone's eye on its screen."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import pyte
import zxingcpp
from PIL import Image

from tests.cli.program import COMMAND, TIMEOUT_SECONDS, Program
from tests.support.waiting import wait_until

# Of each module, so that the reader has something to look at.
PIXELS = 4
UPPER, LOWER = "█▀#", "█▄#"


class Terminal:
    """Runs one command of `program` in a terminal of its own. `history` is every byte that came."""

    def __init__(
        self, program: Program, *arguments: str, columns: int = 100, rows: int = 45, variables: dict[str, str]
    ) -> None:
        program.arguments += arguments
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**program.environment, "TERM": "xterm-256color", **variables}
        for name in ("NO_COLOR", "COLUMNS", "LINES", "CI"):
            if name not in variables:
                environment.pop(name, None)
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.history = b""
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._master)

    def type(self, text: str) -> None:
        """Types a line."""
        os.write(self._master, text.encode() + b"\n")

    def wait_for(self, words: str) -> None:
        """Returns when the words are on the screen."""
        wait_until(lambda: words in self.text(), f"{words!r} is on the screen:\n{self.text()}")

    def wait_for_end(self) -> int:
        """The exit code, after everything that was written has been read."""
        code = self.process.wait(TIMEOUT_SECONDS)
        self._reader.join()
        return code

    def text(self) -> str:
        """What the screen shows; wide characters as they were written."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def qr_text(self) -> str | None:
        """What a phone reads from the screen; None while there is no QR code."""
        found = zxingcpp.read_barcode(
            self._picture(), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
        return found.text if found is not None else None

    def wait_for_qr(self, other_than: str | None = None) -> str:
        """What the QR code on the screen says, once there is one."""
        seen: list[str] = []

        def is_there() -> bool:
            # Looked at once: the next moment the screen may be half redrawn.
            read = self.qr_text()
            if read is not None and read != other_than:
                seen.append(read)
            return bool(seen)

        wait_until(is_there, "a QR code is on the screen")
        return seen[0]

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:
                # How Linux says that the program has closed its side.
                return
            with self._lock:
                self.history += piece
                self._stream.feed(piece)

    def _picture(self) -> Image.Image:
        with self._lock:
            rows: Sequence[Sequence[pyte.screens.Char]] = [
                [self._screen.buffer[y][x] for x in range(self._screen.columns)]
                for y in range(self._screen.lines)
            ]
            picture = Image.new("L", (self._screen.columns, 2 * self._screen.lines))
            for y, row in enumerate(rows):
                for x, cell in enumerate(row):
                    ink, ground = _brightness(cell.fg, 255), _brightness(cell.bg, 0)
                    picture.putpixel((x, 2 * y), ink if cell.data in UPPER else ground)
                    picture.putpixel((x, 2 * y + 1), ink if cell.data in LOWER else ground)
        return picture.resize((picture.width * PIXELS, picture.height * PIXELS), Image.Resampling.NEAREST)


def _brightness(colour: str, default: int) -> int:
    return {"default": default, "000000": 0, "ffffff": 255}.get(colour, 128)
