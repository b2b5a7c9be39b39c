"""The command for admins that exports activation codes as a CSV file."""

import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from fastmp.cli.command_registration import command
from fastmp.cli.commands.codes import BatchOption, CodePartOption, EmailOption, StatusOption
from fastmp.cli.failures import CommandError, UnreachableError, UsageError
from fastmp.cli.invocation import Invocation
from fastmp.cli.private_file import replacing
from fastmp.cli.rest import RestSession

STANDARD_OUTPUT = Path("-")
# The header with the number of rows below the heading; older gateways do not send it.
ROWS_HEADER = "x-fastmp-rows"


def add_to(group: typer.Typer) -> None:
    """Adds the command of this file."""
    command(group, "export")(export)


def export(
    call: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="'-' is standard output.", show_default=False)],
    status: StatusOption = None,
    email: EmailOption = None,
    batch: BatchOption = None,
    code: CodePartOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.", show_default=False)] = False,
) -> None:
    """Write all activation codes to a CSV file that only you can read. It is there whole or not at all."""
    filters = {"status": status, "email": email, "batch_id": batch, "code": code}
    with call.signed_in() as rest:
        if file == STANDARD_OUTPUT:
            if call.output.as_json:
                raise UsageError("standard output cannot be both CSV and JSON", "Name a file")
            _copy(call, rest, filters, sys.stdout.buffer)
            return
        if file.exists() and not force:
            raise CommandError(f"{file} exists", "Replace it with --force")
        with replacing(file) as target:
            codes = _copy(call, rest, filters, target)
    call.show({"file": str(file), "codes": codes}, f"Wrote {codes} codes to {file}")


def _copy(call: Invocation, rest: RestSession, filters: dict[str, str | None], target: BinaryIO) -> int:
    """Writes the export to `target` and returns the number of codes. Raises UnreachableError if any is missing."""
    total = rest.get("/activation/list", **filters, size=1)["total"]
    lines = 0
    last = b""
    with call.output.progress("Exporting codes", total) as bar:
        with rest.stream("/activation/export", filters) as body:
            for piece in body.pieces:
                target.write(piece)
                # No value contains a line break.
                lines += piece.count(b"\n")
                bar.advance(piece.count(b"\n"))
                last = piece or last
        target.flush()
    # The first line is the heading.
    rows = lines - 1
    _check_is_whole(rows, last, body.headers.get(ROWS_HEADER))
    return rows


def _check_is_whole(rows: int, last: bytes, promised: str | None) -> None:
    """Raises UnreachableError if the rows received are not as many as promised (None from older gateways)."""
    if not last.endswith(b"\n"):
        raise UnreachableError("the export was cut off in the middle of a row")
    if promised is not None and promised != str(rows):
        raise UnreachableError(f"the export was cut off: {rows} rows came instead of {promised}")
