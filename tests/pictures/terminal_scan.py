"""What a terminal shows while `fastmp cookie scan` waits for a phone."""

from pathlib import Path

import pyte

from tests.cli.conftest import sign_in
from tests.cli.program import Program
from tests.cli.terminal import Terminal
from tests.support.waiting import wait_until
from tests.whole_stack.people import Person

COLUMNS, ROWS = 64, 30
STAGE = "Scan the QR code with WeChat"


def scan_in_a_terminal(server: str, person: Person, home: Path) -> pyte.Screen:
    """The screen as soon as a phone could read its QR code."""
    program = Program(server, home)
    sign_in(program, server, person.token)
    found: list[pyte.Screen] = []
    with Terminal(program, "cookie", "scan", columns=COLUMNS, rows=ROWS, variables={}) as terminal:

        def waits_for_a_phone() -> bool:
            screen = pyte.Screen(COLUMNS, ROWS)
            pyte.ByteStream(screen).feed(terminal.history)
            found.append(screen)
            # The stage is printed above the QR code; the line below it is drawn last.
            lines = [line.strip() for line in screen.display if line.strip()]
            return f"• {STAGE}" in lines and STAGE in lines[-1] and lines[-1].endswith("left")

        wait_until(waits_for_a_phone)
    return found[-1]
