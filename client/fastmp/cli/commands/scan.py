"""The command that logs an official account in by a QR code in the terminal."""

import base64
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from fastmp.cli import times
from fastmp.cli.command_registration import command
from fastmp.cli.exit_codes import ExitCode
from fastmp.cli.failures import CommandError
from fastmp.cli.invocation import Invocation
from fastmp.cli.login_following import Event, LoginFollower
from fastmp.cli.private_file import write_private
from fastmp.cli.scan_display import ScanDisplay

QrFile = Annotated[
    Path | None,
    typer.Option(
        "--qr-file", metavar="FILE", help="Write each QR code's picture there, too.", show_default=False
    ),
]
Invert = Annotated[
    bool,
    typer.Option("--invert", help="For a light terminal, where colours are off.", show_default=False),
]


def add_to(group: typer.Typer) -> None:
    """Adds the command of this file."""
    command(group, "scan")(scan)


def scan(call: Invocation, qr_file: QrFile = None, invert: Invert = False) -> None:
    """Log an official account in: scan the QR code with WeChat and confirm on the phone.

    The login goes on by itself when the connection breaks. Ctrl-C cancels it. With --json each event is a line.
    """
    with call.signed_in() as rest, ScanDisplay(call.output, dark_on_light=invert) as display:
        follower = LoginFollower(rest, display.show_connection)
        last: Event = {}
        try:
            for last in follower.follow():
                if qr_file is not None and "qr_code" in last:
                    write_private(qr_file, base64.b64decode(last["qr_code"]["image"]))
                if call.output.as_json:
                    call.output.line(last)
                else:
                    display.show(last)
        except KeyboardInterrupt as error:
            if follower.login_key is not None:
                # Best effort: without it, the login times out after a few minutes.
                with suppress(CommandError):
                    rest.post("/cookie/cancel", login_key=follower.login_key)
            raise typer.Exit(ExitCode.INTERRUPTED) from error
    _show_ending(call, last)


def _show_ending(call: Invocation, last: Event) -> None:
    if "failure" in last:
        failure = last["failure"]
        hint = "Start again: fastmp cookie scan" if failure["retryable"] else ""
        raise CommandError(f"{failure['message']} ({failure['reason']})", hint)
    if call.output.as_json:
        return
    cookie = last["success"].get("cookie")
    if cookie is None:
        call.output.sentence("Logged in, but the cookie has been replaced or deleted since")
    else:
        name = cookie["name"] or cookie["token"]
        call.output.sentence(f"{name} is logged in until {times.shown(cookie['expire_time'])}")
